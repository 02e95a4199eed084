"""What annotation tools export, a row a text, to marked text: our own shape, Prodigy's, doccano's and Label Studio's.

Prodigy: ``{"text", "tokens": [{"start", "end"}], "spans": [{"start", "end", "label"}], "answer"}``. doccano: ``{"id",
"text", "label": [[start, end, label]]}`` or ``"entities": [{"start_offset", "end_offset", "label"}]``. Label Studio:
``{"id", "data": {"text"}, "annotations": [{"result": [{"value": {"start", "end", "labels"}}]}]}``, or, of its smaller
export, ``{"id", "text", "label": [{"start", "end", "labels"}]}``. Which one a row is, its keys say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from nlptrain.data.marked_text import Mark, MarkedText
from nlptrain.data.tokens import half, kind, name_and_text, shown
from nlptrain.errors import InputError

SHAPE = '{"text": "Ada sings", "entities": [{"start": 0, "end": 3, "label": "person"}]}'
_MARKS = ("entities", "spans", "label", "labels")
_FARTHEST = 2**53  # no text is longer
_REFUSED = {"reject": "rejected by who annotated", "ignore": "ignored by who annotated"}
_UNMARKED = "without an annotation"
_SEVERAL = "with annotations that differ, of which the first was read"


def is_task(row: dict[str, Any]) -> bool:
    """Whether ``row`` is a task of Label Studio."""
    return isinstance(row.get("data"), dict) and ("annotations" in row or "completions" in row)


def keys_read(row: dict[str, Any]) -> tuple[str, ...]:
    """The keys of ``row`` that are read, of the shape that it has."""
    if is_task(row):
        return ("id", "data", "annotations" if "annotations" in row else "completions")
    return ("id", "text", "tokens", "answer", _key(row)) if is_marked(row) else ("id", "text", "tokens", "tags")


def _key(row: dict[str, Any]) -> str:
    """The key of a marked text's marks."""
    return next((key for key in _MARKS if key in row), "spans")


def is_marked(row: dict[str, Any]) -> bool:
    """Whether ``row`` is a text with marks rather than words with tags."""
    if is_task(row):
        return True
    tokens = row.get("tokens")
    objects = isinstance(tokens, list) and all(isinstance(token, dict | list) for token in tokens)
    words = "tokens" in row and not objects and "entities" not in row
    return "text" in row and not words and (objects or any(key in row for key in _MARKS))


def marked_row(row: dict[str, Any], where: str, left_out: Counter[str]) -> MarkedText | None:
    """The text of a row; None where it is not to be learned from.

    Args:
        row: for which ``is_marked`` holds.
        where: ``path:line``, for messages.
        left_out: counts such rows by the reason, and those that were only read in part.

    Raises:
        InputError: it is not as its tool writes it.
    """
    if is_task(row):
        return _task(row, where, left_out)
    answer = row.get("answer")
    if isinstance(answer, str) and answer in _REFUSED:
        left_out[_REFUSED[answer]] += 1
        return None
    key = _key(row)
    return _marked(row["text"], row.get(key, []), key, where, row.get("tokens"), row.get("id"))


def _task(row: dict[str, Any], where: str, left_out: Counter[str]) -> MarkedText | None:
    """A task of Label Studio."""
    given = row.get("annotations", row.get("completions"))
    if given is not None and not isinstance(given, list):
        raise InputError(f"{where}: found {kind(given)} in 'annotations'; Label Studio writes a list there")
    found = [one for one in given or [] if isinstance(one, dict) and not one.get("was_cancelled")]
    if not found:
        left_out[_UNMARKED] += 1
        return None
    results = [_values(one.get("result"), where) for one in found]
    if any(result != results[0] for result in results):
        left_out[_SEVERAL] += 1
    data = row["data"]
    strings = [key for key, value in data.items() if isinstance(value, str)]
    if "text" not in data and len(strings) != 1:
        found_there = ", ".join(strings) or "no text"
        raise InputError(f"{where}: found {found_there} in 'data'; call the text that is marked 'text'")
    text = data["text"] if "text" in data else data[strings[0]]
    return _marked(text, results[0], "result", where, data.get("tokens"), row.get("id"))


def _values(result: Any, where: str) -> list[dict[str, Any]]:  # noqa: ANN401
    """The marked parts of an annotation; choices and relations are none."""
    if not isinstance(result, list):
        raise InputError(f"{where}: found {kind(result)} in 'result'; Label Studio writes a list there")
    values = [one.get("value") for one in result if isinstance(one, dict)]
    return [value for value in values if isinstance(value, dict) and "labels" in value]


def _marked(text: Any, marks: Any, key: str, where: str, tokens: Any, name: Any) -> MarkedText:  # noqa: ANN401
    if not isinstance(text, str) or not isinstance(marks, list):
        raise InputError(f"{where}: 'text' is a string and {key!r} a list, as in {SHAPE}")
    found = [_mark(value, text, where) for value in marks]
    name, _ = name_and_text({"id": name}, where)
    return MarkedText(text, found, where, _places(tokens, where), name)


def _mark(value: Any, text: str, where: str) -> Mark:  # noqa: ANN401
    start, end, label, said = _parts(value)
    if not (_is_place(start) and _is_place(end) and isinstance(label, str) and label and half(label) is None):
        raise InputError(
            f"{where}: found the entity {shown(value)}; it needs 'start' and 'end' (whole numbers) and 'label' "
            f"(a name), as in {SHAPE}"
        )
    if isinstance(said, str) and text[start:end] != said:
        # Label Studio counted in the halves of UTF-16, where an emoji is two, before it counted code points.
        halves = text.encode("utf-16-le", "surrogatepass")
        if halves[2 * start : 2 * end].decode("utf-16-le", "replace") == said:
            start, end = (len(halves[: 2 * place].decode("utf-16-le", "replace")) for place in (start, end))
    return Mark(start, end, label)


def _is_place(value: Any) -> bool:  # noqa: ANN401
    return type(value) is int and -_FARTHEST < value < _FARTHEST


def _parts(value: Any) -> tuple[Any, Any, Any, Any]:  # noqa: ANN401
    """Start, end and label of a mark, and what it says it holds."""
    if isinstance(value, list) and len(value) == 3:
        return (*value, None)
    if not isinstance(value, dict):
        return None, None, None, None
    label = value.get("label")
    if label is None and isinstance(value.get("labels"), list) and len(value["labels"]) == 1:
        label = value["labels"][0]
    start, end = (value.get(key, value.get(f"{key}_offset")) for key in ("start", "end"))
    return start, end, label, value.get("text") if "labels" in value else None


def _places(tokens: Any, where: str) -> Sequence[tuple[int, int]] | None:  # noqa: ANN401
    """Where words begin and end, if a row says it."""
    if tokens is None:
        return None
    found = []
    for token in tokens if isinstance(tokens, list) else [tokens]:
        pair = [token.get("start"), token.get("end")] if isinstance(token, dict) else token
        if not isinstance(pair, list) or len(pair) != 2 or not all(map(_is_place, pair)):
            raise InputError(f"{where}: found the token {shown(token)}; it needs 'start' and 'end', whole numbers")
        found.append((pair[0], pair[1]))
    return found
