"""Which scheme a teacher writes, where only the names of its labels are known: its answers show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from nlptrain.labels import Labels
from nlptrain.schemes import PREFIXES, Scheme, parted

_ENOUGH = 20  # entities
_MOSTLY = 0.8  # of them: a teacher makes mistakes


def shown_scheme(labels: Labels, answers: Iterable[Sequence[str]]) -> Labels:
    """``labels`` in the scheme that a teacher's ``answers`` show, no longer guessed; or unchanged, if these show none.

    IOB1 and IOB2 can have the same names, and differ in what opens an entity behind O: I- or B-. The names of IOBES and
    BILOU are their own, and prove it where no type lacks one.

    Args:
        labels: the teacher's.
        answers: its best label for each word of some sentences.

    Example:
        >>> labels = Labels.named(["O", "B-x", "I-x"])
        >>> shown_scheme(labels, [["O", "I-x", "I-x"]] * 20)
        Labels(names=('O', 'B-x', 'I-x'), scheme='iob1', guessed=False)
    """
    if not labels.guessed:
        return labels
    scheme = labels.scheme
    needed: Sequence[str] = PREFIXES[scheme]
    if scheme in ("iob1", "iob2"):
        opens = _opening(answers)
        shown = {"iob1": opens["I"], "iob2": opens["B"]}
        found: Scheme = "iob1" if opens["I"] > opens["B"] else "iob2"
        if opens.total() < _ENOUGH or shown[found] < _MOSTLY * opens.total():
            return labels
        scheme, needed = found, ("I",) if found == "iob1" else ("B",)
    complete = all(f"{prefix}-{name}" in labels.ids for name in labels.types for prefix in needed)
    return replace(labels, scheme=scheme, guessed=False) if complete else labels


def _opening(answers: Iterable[Sequence[str]]) -> Counter[str]:
    """How many entities behind O are opened by which prefix."""
    opens: Counter[str] = Counter()
    for tags in answers:
        for previous, tag in zip(("O", *tags), tags, strict=False):
            part = parted(tag)
            if part is not None and previous == "O":
                opens[part[0]] += 1
    return opens
