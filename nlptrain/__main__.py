"""`python -m nlptrain`, which is also how `torchrun` starts a run: the command line."""

from nlptrain.cli.main import main

if __name__ == "__main__":
    main()
