"""Where a model goes wrong: which entities it misses, cuts otherwise, or takes for another type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nlptrain.schemes import Scheme, Span, spans

NOTHING = "-"
_KINDS = ("exact", "type", "boundary", "type and boundary", "missed", "spurious")


@dataclass(frozen=True)
class Confusion:
    """Gold against predicted, counted.

    Attributes:
        pairs: how often a gold type was answered by a predicted one; ``-`` on one side where the other stands alone. Of
            plain tags, the words' tags.
        kinds: of entities: how each gold one was answered (``exact``; the same words as another ``type``; other words
            that overlap, of the same type (``boundary``) or of another one; ``missed``), and predicted ones that
            overlap no gold one (``spurious``). Empty for plain tags.
    """

    pairs: Counter[tuple[str, str]]
    kinds: Counter[str]

    def __add__(self, other: Confusion) -> Confusion:
        """Both together."""
        return Confusion(self.pairs + other.pairs, self.kinds + other.kinds)

    def to_json(self) -> dict[str, Any]:
        """Nested maps: gold type, predicted type, count."""
        table: dict[str, dict[str, int]] = {}
        for (gold, predicted), count in sorted(self.pairs.items()):
            table.setdefault(gold, {})[predicted] = count
        kinds = {kind: self.kinds[kind] for kind in _KINDS}
        return {**({"spans": kinds} if self.kinds else {}), "types": table}

    def mistakes(self) -> list[tuple[str, str, int]]:
        """Gold, predicted and count of what is not right, the most frequent first."""
        wrong = [(gold, predicted, count) for (gold, predicted), count in self.pairs.items() if gold != predicted]
        return sorted(wrong, key=lambda row: (-row[2], row[0], row[1]))


def confusion(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: Scheme) -> Confusion:
    """The confusion of ``predicted`` tags with ``gold`` ones, sentence by sentence.

    A gold entity is answered by a predicted one of the same words if there is one, or else by the first that overlaps
    it, one of its own type before others.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    if scheme == "plain":
        for one, other in zip(gold, predicted, strict=True):
            pairs.update(zip(one, other, strict=True))
        return Confusion(pairs, Counter())
    kinds: Counter[str] = Counter()
    for one, other in zip(gold, predicted, strict=True):
        wanted, found = spans(one), spans(other)
        for span in wanted:
            answer = _answer(span, found)
            kinds[_kind(span, answer)] += 1
            pairs[span.label, answer.label if answer else NOTHING] += 1
        for span in found:
            if not any(_overlap(span, gold_one) for gold_one in wanted):
                kinds["spurious"] += 1
                pairs[NOTHING, span.label] += 1
    return Confusion(pairs, kinds)


def _answer(span: Span, found: Sequence[Span]) -> Span | None:
    over = [other for other in found if _overlap(span, other)]
    return min(over, key=lambda other: (other[1:] != span[1:], other.label != span.label, other.start), default=None)


def _kind(span: Span, answer: Span | None) -> str:
    if answer is None:
        return "missed"
    same_type, same_words = answer.label == span.label, answer[1:] == span[1:]
    if same_words:
        return "exact" if same_type else "type"
    return "boundary" if same_type else "type and boundary"


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
