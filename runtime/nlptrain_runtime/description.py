"""Validate ``nlptrain.json``: presence, type and range of every entry, and what entries must agree on.

Whoever changes a description can compute its hash anew, so the hash says nothing about what is described. Entries that
are not listed here are ignored: a later version may add some without a new format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from nlptrain_runtime.chain import FORBIDDEN
from nlptrain_runtime.schemes import Scheme, split_tag
from nlptrain_runtime.windows import OVERLAPS
from nlptrain_runtime.word_splitter import is_known_pattern

PRECISIONS = {"int8": "_quantized", "fp16": "_fp16", "fp32": ""}  # file endings, the smallest first
MOST_LABELS = 10_000
MOST_PAIRED = 1_000  # labels where pairs of them are scored

_INT32 = 2**31 - 1
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*")  # no "..", no root, no drive
_SHA256 = re.compile("[0-9a-f]{64}")
_UNPRINTED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # control characters and halves of surrogate pairs
_PREFIXES: dict[str, str] = {"iob1": "BI", "iob2": "BI", "iobes": "BIES", "bilou": "BILU"}


class Fault(NamedTuple):
    """An entry that cannot be used.

    Attributes:
        key: its path, ``window.max_pieces``.
        found: its value, shortened.
        right: what would be right.
    """

    key: str
    found: str
    right: str


class _Rule(NamedTuple):
    right: str
    holds: Callable[[Any], bool]


def _one_of(*names: str) -> _Rule:
    return _Rule(f"must be {' or '.join(map(repr, names))}", lambda value: type(value) is str and value in names)


def _whole(low: int, high: int) -> _Rule:
    return _Rule(
        f"must be a whole number from {low} to {high}", lambda value: type(value) is int and low <= value <= high
    )


def _is_number(value: object, low: float, high: float) -> bool:
    return type(value) in (int, float) and low <= value <= high  # type: ignore[operator]


def _number(low: float, high: float) -> _Rule:
    return _Rule(f"must be a number from {low:g} to {high:g}", lambda value: _is_number(value, low, high))


def _is_label(value: object) -> bool:
    return type(value) is str and 0 < len(value) <= 1000 and not _UNPRINTED.search(value)


def _are_labels(value: object) -> bool:
    return (
        type(value) is list
        and 2 <= len(value) <= MOST_LABELS
        and all(map(_is_label, value))
        and len(set(value)) == len(value)
    )


def _are_files(value: object) -> bool:
    return type(value) is dict and all(
        len(name) <= 200 and _NAME.fullmatch(name) and type(digest) is str and _SHA256.fullmatch(digest)
        for name, digest in value.items()
    )


_TEXT = _Rule("must be text", lambda value: type(value) is str and len(value) <= 100_000)
_FLAG = _Rule("must be true or false", lambda value: type(value) is bool)
_ID = _whole(0, _INT32)
_IDS = _Rule(
    "must be a list of at most 100 piece ids",
    lambda value: type(value) is list and len(value) <= 100 and all(map(_ID.holds, value)),
)

_EVERY: dict[str, _Rule] = {
    "labels": _Rule(f"must be 2 to {MOST_LABELS} different names without control characters", _are_labels),
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
    "files": _Rule("must be the SHA-256 of each file by its relative path", _are_files),
}
_PIECES: dict[str, _Rule] = {
    "pieces.prefix": _IDS,
    "pieces.suffix": _IDS,
    "pieces.padding": _ID,
    "pieces.unknown": _Rule("must be a piece id or null", lambda value: value is None or _ID.holds(value)),
    "pieces.space": _one_of("", " "),
    "pieces.together": _FLAG,
    "pieces.pads_left": _FLAG,
}
_BY_READS: dict[str, dict[str, _Rule]] = {
    "pieces": _PIECES,
    "pooled": {**_PIECES, "most_pieces": _whole(1, 1000)},
    "words": {"characters": _whole(1, 10_000)},
}
READER = {"pieces": "tokenizer.json", "pooled": "tokenizer.json", "words": "words.json"}


def first_fault(described: Mapping[str, Any]) -> Fault | None:
    """The first entry of a description that cannot be used, or None."""
    fault = _broken(described, _EVERY) or _broken(described, _BY_READS[described["reads"]])
    return fault or next(filter(None, (check(described) for check in _AGREEMENTS)), None)


def _broken(described: Mapping[str, Any], rules: Mapping[str, _Rule]) -> Fault | None:
    for key, rule in rules.items():
        value: Any = described
        for name in key.split("."):
            if type(value) is not dict or name not in value:
                return Fault(key, "nothing", rule.right)
            value = value[name]
        if not rule.holds(value):
            return Fault(key, shown(value), rule.right)
    return None


def _labels_fit(described: Mapping[str, Any]) -> Fault | None:
    scheme = described["scheme"]
    if scheme == "plain":
        return None
    prefixes = {part[0] for part in map(split_tag, described["labels"]) if part}
    if prefixes and prefixes <= set(_PREFIXES[scheme]):
        return None
    return Fault(
        "labels", shown(described["labels"]), f"must be those of {scheme}: O, {'-TYPE, '.join(_PREFIXES[scheme])}-TYPE"
    )


def _pairs_fit(described: Mapping[str, Any]) -> Fault | None:
    decoding, labels = described["decoding"], len(described["labels"])
    if decoding["rule"] == "independent":
        return None
    if labels > MOST_PAIRED:
        return Fault(
            "labels", f"{labels} names", f"must be at most {MOST_PAIRED} where decoding.rule scores pairs of them"
        )
    if decoding["rule"] == "scheme":
        return None
    shapes = {"transitions": (labels, labels), "start": (labels,), "end": (labels,)}
    for name, shape in shapes.items():
        if not _is_table(decoding.get(name), shape):
            size = " x ".join(map(str, shape))
            right = f"must be {size} numbers from {FORBIDDEN:g} to {-FORBIDDEN:g}, a score for each label"
            return Fault(f"decoding.{name}", shown(decoding[name]) if name in decoding else "nothing", right)
    return None


def _is_table(value: object, shape: tuple[int, ...]) -> bool:
    if not shape:
        return _is_number(value, FORBIDDEN, -FORBIDDEN)
    return type(value) is list and len(value) == shape[0] and all(_is_table(row, shape[1:]) for row in value)


def _pattern_known(described: Mapping[str, Any]) -> Fault | None:
    # A pattern of strangers may take forever: the engine that runs it knows no limit.
    splitter = described["splitter"]
    if is_known_pattern(splitter["version"], splitter["pattern"]):
        return None
    return Fault(
        "splitter",
        f"version {splitter['version']} with a pattern that this nlptrain-runtime does not know",
        "must be a splitter of nlptrain's; a later one needs a later nlptrain-runtime",
    )


def _pieces_fit(described: Mapping[str, Any]) -> Fault | None:
    pieces = described["pieces"] if described["reads"] == "pieces" else {"prefix": [], "suffix": []}
    special = len(pieces["prefix"]) + len(pieces["suffix"])
    most = described["window"]["max_pieces"]
    return (
        None
        if most > special
        else Fault("window.max_pieces", str(most), f"must be more than the {special} special pieces")
    )


def _files_listed(described: Mapping[str, Any]) -> Fault | None:
    files, reads = described["files"], described["reads"]
    graphs = ["model"] if reads == "pieces" else ["model", "words"]
    nets = [name for name in (net_file("model", precision) for precision in PRECISIONS) if name in files]
    needed = [READER[reads], *(name.replace("model", graph) for name in nets for graph in graphs)]
    missing = [name for name in needed if name not in files]
    if nets and not missing:
        return None
    return Fault(
        "files", f"no {missing[0] if missing else net_file('model', 'fp32')}", "must list every file that is read"
    )


_AGREEMENTS = (_labels_fit, _pairs_fit, _pattern_known, _pieces_fit, _files_listed)


def net_file(name: str, precision: str) -> str:
    """Where a folder keeps the graph ``name``."""
    return f"onnx/{name}{PRECISIONS[precision]}.onnx"


def shown(value: object) -> str:
    """Return ``value`` in a few characters, none of which a terminal obeys."""
    import reprlib  # which only a fault needs

    short = reprlib.Repr()
    short.maxstring = short.maxother = 60
    short.maxlevel, short.maxlist, short.maxdict = 2, 4, 3
    text = short.repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
