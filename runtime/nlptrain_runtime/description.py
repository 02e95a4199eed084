"""Validate ``nlptrain.json``: presence, type and range of every entry, and consistency between entries.

A changed description may have a matching hash, so the hash does not make an entry valid. Entries that are not listed
here are ignored: a later version may add some without a new format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from nlptrain_runtime.schemes import Scheme, split_tag
from nlptrain_runtime.transition_tables import FORBIDDEN
from nlptrain_runtime.windows import OVERLAPS
from nlptrain_runtime.word_splitter import SEGMENTED, is_known_pattern

PRECISIONS = {"int8": "_quantized", "fp16": "_fp16", "fp32": ""}  # file endings, the smallest first
MAX_LABELS = 10_000
MAX_LABELS_WITH_TRANSITIONS = 1_000  # their pairs are scored

_INT32 = 2**31 - 1
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*")  # no "..", no root, no drive
_SHA256 = re.compile("[0-9a-f]{64}")
_NOT_PRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # control characters and halves of surrogate pairs
_PREFIXES: dict[str, str] = {"iob1": "BI", "iob2": "BI", "iobes": "BIES", "bilou": "BILU"}


class InvalidEntry(NamedTuple):
    """An entry that cannot be used.

    Attributes:
        key: its path, e.g. ``window.max_pieces``.
        found: its value, shortened.
        expected: which values are valid.
    """

    key: str
    found: str
    expected: str


class _Check(NamedTuple):
    expected: str
    is_valid: Callable[[Any], bool]


def _one_of(*names: str) -> _Check:
    return _Check(" or ".join(map(repr, names)), lambda value: type(value) is str and value in names)


def _whole(low: int, high: int) -> _Check:
    return _Check(f"a whole number from {low} to {high}", lambda value: type(value) is int and low <= value <= high)


def _is_number(value: object, low: float, high: float) -> bool:
    return type(value) in (int, float) and low <= value <= high  # type: ignore[operator]


def _number(low: float, high: float) -> _Check:
    return _Check(f"a number from {low:g} to {high:g}", lambda value: _is_number(value, low, high))


def _is_label(value: object) -> bool:
    return type(value) is str and 0 < len(value) <= 1000 and not _NOT_PRINTABLE.search(value)


def _are_labels(value: object) -> bool:
    return (
        type(value) is list
        and 2 <= len(value) <= MAX_LABELS
        and all(map(_is_label, value))
        and len(set(value)) == len(value)
    )


def _are_files(value: object) -> bool:
    return type(value) is dict and all(
        len(name) <= 200 and _NAME.fullmatch(name) and type(file_hash) is str and _SHA256.fullmatch(file_hash)
        for name, file_hash in value.items()
    )


_TEXT = _Check("text", lambda value: type(value) is str and len(value) <= 100_000)
_BOOLEAN = _Check("true or false", lambda value: type(value) is bool)
_ID = _whole(0, _INT32)
_IDS = _Check(
    "a list of at most 100 subword ids",
    lambda value: type(value) is list and len(value) <= 100 and all(map(_ID.is_valid, value)),
)

_ALL_MODELS: dict[str, _Check] = {
    "labels": _Check(f"2 to {MAX_LABELS} different names without control characters", _are_labels),
    "scheme": _one_of(*get_args(Scheme)),
    "reads": _one_of("pieces", "pooled", "words"),
    "decoding.rule": _one_of("independent", "scheme", "chain"),
    "decoding.temperature": _number(0.001, 1000),
    "decoding.min_confidence": _number(0, 1),
    "splitter.version": _whole(0, _INT32),
    "splitter.pattern": _TEXT,
    "splitter.rule": _TEXT,
    "window.rule": _one_of(*OVERLAPS),
    "window.max_pieces": _whole(1, _INT32),
    "files": _Check("the SHA-256 of each file by its relative path", _are_files),
}
_SUBWORDS: dict[str, _Check] = {
    "pieces.prefix": _IDS,
    "pieces.suffix": _IDS,
    "pieces.padding": _ID,
    "pieces.unknown": _Check("a subword id or null", lambda value: value is None or _ID.is_valid(value)),
    "pieces.space": _one_of("", " "),
    "pieces.together": _BOOLEAN,
    "pieces.pads_left": _BOOLEAN,
}
_BY_READS: dict[str, dict[str, _Check]] = {
    "pieces": _SUBWORDS,
    "pooled": {**_SUBWORDS, "most_pieces": _whole(1, 1000)},
    "words": {"characters": _whole(1, 10_000)},
}
INPUT_FILES = {"pieces": "tokenizer.json", "pooled": "tokenizer.json", "words": "words.json"}


def find_invalid_entry(described: Mapping[str, Any]) -> InvalidEntry | None:
    """Return the first entry of a description that cannot be used, or None."""
    invalid = _check_entries(described, _ALL_MODELS) or _check_entries(described, _BY_READS[described["reads"]])
    return invalid or next(filter(None, (check(described) for check in _CONSISTENCY_CHECKS)), None)


def _check_entries(described: Mapping[str, Any], checks: Mapping[str, _Check]) -> InvalidEntry | None:
    for key, check in checks.items():
        value: Any = described
        for name in key.split("."):
            if type(value) is not dict or name not in value:
                return InvalidEntry(key, "nothing", check.expected)
            value = value[name]
        if not check.is_valid(value):
            return InvalidEntry(key, shown(value), check.expected)
    return None


def _check_labels(described: Mapping[str, Any]) -> InvalidEntry | None:
    scheme = described["scheme"]
    if scheme == "plain":
        return None
    prefixes = {part[0] for part in map(split_tag, described["labels"]) if part}
    if prefixes and prefixes <= set(_PREFIXES[scheme]):
        return None
    return InvalidEntry(
        "labels", shown(described["labels"]), f"those of {scheme}: O, {'-TYPE, '.join(_PREFIXES[scheme])}-TYPE"
    )


def _check_transitions(described: Mapping[str, Any]) -> InvalidEntry | None:
    decoding, labels = described["decoding"], len(described["labels"])
    if decoding["rule"] == "independent":
        return None
    if labels > MAX_LABELS_WITH_TRANSITIONS:
        return InvalidEntry(
            "labels",
            f"{labels} names",
            f"at most {MAX_LABELS_WITH_TRANSITIONS} with this decoding.rule",
        )
    if decoding["rule"] == "scheme":
        return None
    shapes = {"transitions": (labels, labels), "start": (labels,), "end": (labels,)}
    for name, shape in shapes.items():
        if not _is_table(decoding.get(name), shape):
            size = " x ".join(map(str, shape))
            expected = f"{size} numbers from {FORBIDDEN:g} to {-FORBIDDEN:g}, a score for each label"
            return InvalidEntry(f"decoding.{name}", shown(decoding[name]) if name in decoding else "nothing", expected)
    return None


def _is_table(value: object, shape: tuple[int, ...]) -> bool:
    if not shape:
        return _is_number(value, FORBIDDEN, -FORBIDDEN)
    return type(value) is list and len(value) == shape[0] and all(_is_table(row, shape[1:]) for row in value)


def _check_pattern(described: Mapping[str, Any]) -> InvalidEntry | None:
    # A foreign pattern may take forever: the engine that runs it has no time limit.
    splitter = described["splitter"]
    segmenter = splitter.get("segmenter", "")
    if type(segmenter) is not str or len(segmenter) > 200 or bool(segmenter) != (splitter["version"] == SEGMENTED):
        return InvalidEntry("splitter.segmenter", shown(segmenter), f"a name with version {SEGMENTED}, else none")
    if is_known_pattern(splitter["version"], splitter["pattern"]):
        return None
    return InvalidEntry(
        "splitter",
        f"version {splitter['version']} with an unknown pattern",
        "a splitter of nlptrain; a newer one needs a newer nlptrain-runtime",
    )


def _check_window(described: Mapping[str, Any]) -> InvalidEntry | None:
    subwords = described["pieces"] if described["reads"] == "pieces" else {"prefix": [], "suffix": []}
    special = len(subwords["prefix"]) + len(subwords["suffix"])
    max_subwords = described["window"]["max_pieces"]
    if max_subwords > special:
        return None
    return InvalidEntry("window.max_pieces", str(max_subwords), f"more than the {special} special tokens")


def _check_files(described: Mapping[str, Any]) -> InvalidEntry | None:
    files, reads = described["files"], described["reads"]
    graphs = ["model"] if reads == "pieces" else ["model", "words"]
    models = [name for name in (graph_file("model", precision) for precision in PRECISIONS) if name in files]
    needed = [INPUT_FILES[reads], *(name.replace("model", graph) for name in models for graph in graphs)]
    missing = [name for name in needed if name not in files]
    if models and not missing:
        return None
    return InvalidEntry(
        "files", f"no {missing[0] if missing else graph_file('model', 'fp32')}", "every file that is read"
    )


_CONSISTENCY_CHECKS = (_check_labels, _check_transitions, _check_pattern, _check_window, _check_files)


def graph_file(name: str, precision: str) -> str:
    """Return the relative path of the graph ``name``."""
    return f"onnx/{name}{PRECISIONS[precision]}.onnx"


def shown(value: object) -> str:
    """Return ``value`` in a few printable characters."""
    import reprlib  # imported for errors only

    short = reprlib.Repr()
    short.maxstring = short.maxother = 60
    short.maxlevel, short.maxlist, short.maxdict = 2, 4, 3
    text = short.repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
