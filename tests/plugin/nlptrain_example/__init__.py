"""An encoder, a loss, a file format and a teacher for nlptrain."""
