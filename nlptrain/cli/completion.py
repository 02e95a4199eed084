"""Completion of commands, options and configuration keys by the shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem, get_completion_class

from nlptrain.cli.errors import Choice

Command = TypeVar("Command", bound=Callable[..., Any])
_VARIABLE = "_NLPTRAIN_COMPLETE"


@click.command()
@click.argument("shell", type=Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what lets a shell complete commands, options and keys.

    \b
    Reads   nothing.
    Writes  a script to standard output. In ~/.bashrc or ~/.zshrc:
            eval "$(nlptrain completion bash)"
            and of fish:
            nlptrain completion fish > ~/.config/fish/completions/nlptrain.fish

    Example: nlptrain completion bash
    """  # noqa: D301 - click reads the character
    found = get_completion_class(shell)
    assert found is not None, "click knows all of them"
    click.echo(found(ctx.find_root().command, {}, "nlptrain", _VARIABLE).source())


def complete_key(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The keys of ``--set`` that begin so, with what they mean; of ``run``, those of all commands."""
    from nlptrain.config import COMMANDS
    from nlptrain.config.schema import keys

    models = [COMMANDS[ctx.info_name]] if ctx.info_name in COMMANDS else list(COMMANDS.values())
    found = {
        key.name: key.description
        for model in models
        for key in keys(model)
        if not key.opens and key.name.startswith(incomplete)
    }
    return [CompletionItem(name, help=told.split(". ")[0]) for name, told in sorted(found.items())]


def set_option(told: str) -> Callable[[Command], Command]:
    """``--set KEY=VALUE``, whose keys the shell completes; ``told`` is its help."""
    return click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, shell_complete=complete_key, help=told)


def complete_command(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The training commands that begin so."""
    from nlptrain.config import COMMANDS

    return [CompletionItem(name) for name in COMMANDS if name.startswith(incomplete)]
