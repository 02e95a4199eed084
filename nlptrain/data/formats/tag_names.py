"""Names of tags and labels that a file has as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlptrain.data.formats.fields import quote_json
from nlptrain.errors import InputError, Setting


class UnnamedTagError(InputError):
    """A tag is a number without a name: a fault of the configuration, not of one row."""


def tag_name(value: Any, names: Mapping[str, str], location: str) -> Any:  # noqa: ANN401
    """Return the name of a tag that is a number; any other value as it is.

    Args:
        value: of a tag or a label.
        names: of the numbers, from ``data.tag_names``.
        location: ``path:line``, for messages.

    Raises:
        UnnamedTagError: it is a number, and has no name.

    Example:
        >>> tag_name(1, {"0": "O", "1": "B-person"}, "a.jsonl:1"), tag_name("O", {}, "a.jsonl:1")
        ('B-person', 'O')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) or isinstance(value, bool) or not isinstance(value, int):
        return names.get(value, value) if isinstance(value, str) else value
    if (name := names.get(str(value))) is None:
        raise UnnamedTagError(
            f"found the number {quote_json(value)} as a label",
            location=location,
            expected="its name",
            hint=("set ", Setting("data.tag_names"), f" to the names, e.g. {{{value}: PER}}, or to the list of all"),
        )
    return name
