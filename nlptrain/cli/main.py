"""The entry point: the group of all commands, and how a command ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import click
from click.shell_completion import get_completion_class

from nlptrain import __version__
from nlptrain.cli.cache import cache
from nlptrain.cli.config import config, env, version_line
from nlptrain.cli.demo import demo
from nlptrain.cli.doctor import doctor
from nlptrain.cli.errors import (
    RANK_ZERO_SECONDS,
    CommandError,
    SuggestingGroup,
    is_secondary_rank,
    os_error,
    usage_error,
)
from nlptrain.cli.evaluate import compare, evaluate
from nlptrain.cli.export import benchmark, card, export
from nlptrain.cli.label import label
from nlptrain.cli.options import Choice, option_names
from nlptrain.cli.predict import convert, predict
from nlptrain.cli.run import run
from nlptrain.cli.split import split
from nlptrain.cli.train import pseudo_label, tagger, tagger_kd, transformer_token
from nlptrain.errors import InputError, Interrupted
from nlptrain.interrupts import interruptible
from nlptrain_runtime.errors import FolderError

_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")  # in messages of torch


class _Stopped(Interrupted):
    """A signal stopped a command that has nothing to save."""


class Commands(SuggestingGroup):
    """A group that turns our errors into exit codes: 2 for bad input, 130 and 143 for signals."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:  # noqa: ANN401
        """Parse the arguments; ``--help`` and ``--version`` end here."""
        if sys.stdout is None:
            raise CommandError(InputError("is closed", location="standard output"))
        try:
            return super().make_context(*args, **extra)
        except click.UsageError as error:
            raise usage_error(error) from error
        except BrokenPipeError as error:
            raise click.exceptions.Exit(0) from error
        except OSError as error:
            raise os_error(error) from error

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        """Run the command."""
        try:
            with interruptible(_Stopped):
                _check_working_directory()
                return super().invoke(ctx)
        except BrokenPipeError:  # the reader has closed the pipe
            ctx.exit(0)
        except Interrupted as error:
            if not is_secondary_rank():
                message = f"stopped by {error}; give the same command again"
                click.echo(message if isinstance(error, _Stopped) else f"{message} to go on from here", err=True)
            ctx.exit(128 + error.signal_number)
        except (click.UsageError, InputError, FolderError, OSError, MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and is_secondary_rank():
                time.sleep(RANK_ZERO_SECONDS)  # perhaps rank 0 has ended, and its error is the one that matters
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            command_error = _command_error(error, option_names(command) if command else {})
            if command_error is None:
                raise
            raise command_error from error


def _command_error(error: Exception, names: Mapping[str, str]) -> click.ClickException | None:
    """Return what the user sees of ``error``, with the option ``names`` of the command; None for an error of ours."""
    if isinstance(error, click.UsageError):
        return usage_error(error)
    if isinstance(error, InputError):
        return CommandError(error, lambda key: names.get(key, key))
    if isinstance(error, FolderError):
        return CommandError(InputError(str(error)))
    if isinstance(error, OSError):
        return os_error(error)
    if isinstance(error, MemoryError):
        return CommandError(InputError("not enough memory"))
    if any(words in str(error) for words in _NO_MEMORY):
        return CommandError(InputError(f"not enough memory: {error}"))
    return None


def _check_working_directory() -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise InputError("the current folder was removed", hint="change to one that exists") from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message=version_line())
def main() -> None:
    """Turn an accurate, slow transformer token classifier into a small, fast tagger.

    \b
    Typical use:
      nlptrain transformer_token teacher.yaml     fine-tune the teacher
      nlptrain tagger_kd student.yaml             distill it into a student
      nlptrain tagger control.yaml                the same student without the teacher
      nlptrain compare runs/teacher runs/student  compare their scores and speed
      nlptrain predict runs/student < text        use it
    """  # noqa: D301 - click reads the character
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # its own pools keep what files needed long ago


@click.command()
@click.argument("shell", type=Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script for shell completion.

    \b
    Reads   nothing.
    Writes  a script to standard output. In ~/.bashrc or ~/.zshrc:
            eval "$(nlptrain completion bash)"
            and for fish:
            nlptrain completion fish > ~/.config/fish/completions/nlptrain.fish

    Example: nlptrain completion bash
    """  # noqa: D301 - click reads the character
    complete = get_completion_class(shell)
    assert complete is not None, "click knows all of them"
    click.echo(complete(ctx.find_root().command, {}, "nlptrain", "_NLPTRAIN_COMPLETE").source())


_TRAINING = (transformer_token, tagger, tagger_kd, pseudo_label)
_FILES = (convert, split, cache)
_OTHERS = (
    run,
    demo,
    evaluate,
    predict,
    label,
    compare,
    *_FILES,
    export,
    benchmark,
    card,
    config,
    doctor,
    env,
    completion,
)
for command in (*_TRAINING, *_OTHERS):
    main.add_command(command)
