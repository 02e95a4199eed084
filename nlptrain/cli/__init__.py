"""The command line: a file per group of commands; torch is imported only inside commands."""
