"""The entry point: the group of all commands, and how a command ends."""

from __future__ import annotations

import difflib
import os
import sys
import time
from typing import Any

import click

from nlptrain import __version__
from nlptrain.cli.benchmark import benchmark
from nlptrain.cli.card import card
from nlptrain.cli.compare import compare
from nlptrain.cli.completion import completion
from nlptrain.cli.config import config
from nlptrain.cli.convert import convert
from nlptrain.cli.doctor import doctor
from nlptrain.cli.env import env, version_line
from nlptrain.cli.errors import (
    RANK_ZERO_SECONDS,
    CommandError,
    is_secondary_rank,
    os_error,
    printable_usage_error,
    usage_message,
)
from nlptrain.cli.evaluate import evaluate
from nlptrain.cli.export import export
from nlptrain.cli.predict import predict
from nlptrain.cli.run import run
from nlptrain.cli.train import pseudo_label, tagger, tagger_kd, transformer_token
from nlptrain.errors import InputError, Interrupted
from nlptrain.interrupts import interruptible
from nlptrain_runtime.errors import FolderError, message_line

_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")  # as torch says it


class _Ended(Interrupted):
    """A signal came to a command that has nothing to save."""


class Commands(click.Group):
    """A group that turns our errors into exit codes: 2 for bad input, 130 and 143 for signals."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; of one that is not known, those that are near are named."""
        asked = args[0]  # click takes away what looks like an option
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(asked, self.commands, n=1)
            if not near or "Did you mean" in error.message:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{near[0]}'?", ctx) from error

    def make_context(self, *args: Any, **extra: Any) -> click.Context:  # noqa: ANN401
        """Read the arguments; those that ask for help are answered here."""
        if sys.stdout is None:
            raise CommandError("standard output: is closed")
        try:
            return super().make_context(*args, **extra)
        except click.UsageError as error:
            raise printable_usage_error(error) from error
        except BrokenPipeError as error:
            raise click.exceptions.Exit(0) from error
        except OSError as error:
            raise os_error(error) from error

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        """Run the command."""
        try:
            with interruptible(_Ended):
                _check_working_directory()
                return self._invoked(ctx)
        except (InputError, FolderError) as error:
            raise CommandError(str(error)) from error
        except BrokenPipeError:  # the reader has closed the pipe
            ctx.exit(0)
        except RuntimeError as error:
            if is_secondary_rank():  # it may have lost the first process, whose fault is what matters
                time.sleep(RANK_ZERO_SECONDS)
            if any(words in str(error) for words in _NO_MEMORY):
                raise CommandError(f"not enough memory: {error}") from error
            raise
        except MemoryError as error:
            raise CommandError("not enough memory") from error
        except OSError as error:
            raise os_error(error) from error
        except Interrupted as error:
            if not is_secondary_rank():
                said = f"stopped by {error}; give the same command again to go on from here"
                click.echo(said.removesuffix(" to go on from here") if isinstance(error, _Ended) else said, err=True)
            ctx.exit(128 + error.number)

    def _invoked(self, ctx: click.Context) -> Any:  # noqa: ANN401
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            message = usage_message(error)
            if message is None:
                raise printable_usage_error(error) from error
            raise CommandError(message_line(message)) from error


def _check_working_directory() -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise InputError("the current folder was removed; change to one that exists") from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message=version_line())
def main() -> None:
    """Turn an accurate, slow transformer token classifier into a small, fast tagger.

    \b
    The usual way:
      nlptrain transformer_token teacher.yaml     fine-tune the teacher
      nlptrain tagger_kd student.yaml             distill it into a student
      nlptrain tagger control.yaml                such a student without the teacher
      nlptrain compare runs/teacher runs/student  what was gained
      nlptrain predict runs/student < text        use it
    """  # noqa: D301 - click reads the character
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # its own pools keep what files needed long ago


_TRAINING = (transformer_token, tagger, tagger_kd, pseudo_label)
_OTHERS = (run, evaluate, predict, compare, convert, export, benchmark, card, config, doctor, env, completion)
for command in (*_TRAINING, *_OTHERS):
    main.add_command(command)
