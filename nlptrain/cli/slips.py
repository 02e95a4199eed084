"""A misspelt option or value of one: a line that says what may have been meant."""

from __future__ import annotations

import difflib
from typing import Any

import click


class Choice(click.Choice):  # type: ignore[type-arg]  # generic from click 8.2 on
    """One of several words; of another one, that which is near is named."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """The word that ``value`` is.

        Raises:
            click.BadParameter: it is none of them.
        """
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            near = difflib.get_close_matches(str(value), list(map(str, self.choices)), n=1)
            if not near:
                raise
            raise click.BadParameter(f"{error.message} Did you mean {near[0]!r}?", ctx, param) from error


def slip(error: click.UsageError) -> str | None:
    """The line for a command or an option that there is not, or for a wrong value of one; None: it is neither."""
    if isinstance(error, click.NoSuchOption):
        near = ", ".join(error.possibilities or ())
        hint = f"did you mean {near}?" if near else f"{error.ctx.command_path if error.ctx else ''} --help lists all"
        return f"{error.option_name}: there is no such option; {_key(error) or hint}"
    if (said := error.format_message()).startswith("No such command"):
        where = error.ctx.command_path if error.ctx else ""
        return said if "Did you mean" in said else f"{said} {where} --help lists all."
    if isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter):
        return said
    return None


def _key(error: click.NoSuchOption) -> str | None:
    """The question whether a key of the configuration is meant that is called as the option is, or nearly so."""
    from nlptrain.config import COMMANDS
    from nlptrain.config.schema import keys

    model = COMMANDS.get(error.ctx.info_name or "") if error.ctx else None
    if model is None:
        return None
    named: dict[str, list[str]] = {}
    for key in keys(model):
        if not key.opens:
            named.setdefault(key.name.rpartition(".")[2], []).append(key.name)
    asked = error.option_name.lstrip("-").replace("-", "_").rpartition(".")[2]
    near = [] if error.possibilities else difflib.get_close_matches(asked, named, n=1)
    found = named.get(asked) or [name for one in near for name in named[one]]
    meant = " or ".join(f"--set {name}=VALUE" for name in dict.fromkeys(found))
    return f"did you mean {meant}?" if found else None
