"""The options of commands that read gold files, to what readers take."""

from __future__ import annotations

from nlptrain.config.data import DataConfig
from nlptrain.errors import InputError


def data_config(
    data_format: str, words: str | None, tags: str | None, scheme: str, *, pretokenized: bool = False
) -> DataConfig:
    """How files are written, by the options of a command.

    Raises:
        InputError: a column is neither a name nor a number from 1 or from -1.
    """
    from pydantic import ValidationError

    columns = {"words": _column(words), "tags": _column(tags)}
    given = {"format": data_format, "columns": columns, "scheme": scheme, "pretokenized": pretokenized}
    try:
        return DataConfig.model_validate(given)
    except ValidationError as error:
        raise InputError(
            "--words-column, --tags-column: must be names, or numbers from 1, or from -1 for the last"
        ) from error


def _column(given: str | None) -> int | str | None:
    return int(given) if given and given.removeprefix("-").isdecimal() else given
