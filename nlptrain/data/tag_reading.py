"""The reading of a file's tags: their spelling, their scheme by weight of evidence, and their conversion to IOB2."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import SCHEME_NAMES, SCHEME_PREFIXES, list_names
from nlptrain.data.tag_spellings import Spelling, are_numbers, find_spelling, read_bracketed, types_without_prefix
from nlptrain.errors import InputError, Setting
from nlptrain_runtime.schemes import Scheme, is_transition_allowed, spans_to_tags, split_tag, tags_to_spans

_ENTITY_SCHEMES: tuple[Scheme, ...] = ("iob2", "iob1", "iobes", "bilou")  # of equal evidence, the first one
_NO_READING = "tag that cannot be read"
_OTHER_SPELLING = "tag that is spelled differently from the others"
_INSIDE_ALONE = ("I", "I-", "I_", "i")  # after a tag with a type
Pair = tuple[str | None, str | None]


class TagEvidence:
    """Counts the pairs of neighboring tags of a file; the start and the end of a sentence are None.

    Example:
        >>> evidence = TagEvidence([["O", "I-person"], ["I-person", "O"]])
        >>> evidence.reading("auto").scheme
        'iob1'
    """

    def __init__(self, tag_sequences: Iterable[Sequence[str]] = ()) -> None:
        """Count ``tag_sequences``."""
        self.pairs: Counter[Pair] = Counter()
        for tags in tag_sequences:
            self.add(tags)

    def add(self, tags: Sequence[str]) -> None:
        """Count the tags of a sentence."""
        self.pairs.update(zip((None, *tags), (*tags, None), strict=True))

    @property
    def counts(self) -> Counter[str]:
        """How often each tag occurs."""
        counts: Counter[str] = Counter()
        for (_, tag), count in self.pairs.items():
            if tag is not None:
                counts[tag] += count
        return counts

    def reading(
        self,
        stated: Scheme | Literal["auto"],
        *,
        entity_type: str = "ENTITY",
        names: Mapping[str, str] | None = None,
        location: str = "",
    ) -> TagReading:
        """Return how the tags are read.

        Args:
            stated: their scheme; ``auto``: the scheme that most of them fit.
            entity_type: the type of tags that have none.
            names: of tags that are numbers.
            location: the file, for messages.

        Raises:
            InputError: the tags are neither entities nor a closed tag set, or numbers without names.
        """
        counts = self.counts
        if names:
            missing = sorted(set(counts) - set(names))
            if missing and are_numbers(counts):
                raise InputError(
                    f"found the tags {list_names(missing)}",
                    location=location,
                    expected=("numbers that have a name in ", Setting("data.tag_names")),
                )
            renamed = _Renamed(names)
            pairs = Counter[Pair]()
            for (before, after), count in self.pairs.items():
                pairs[renamed(before), renamed(after)] += count
            evidence = TagEvidence()
            evidence.pairs = pairs
            reading = evidence.reading(stated, entity_type=entity_type, location=location)
            return replace(reading, names=dict(names))
        if stated == "plain" or not counts:
            return TagReading("plain" if stated == "plain" else "iob2", has_evidence=stated == "plain")
        if are_numbers(counts):
            raise InputError(
                f"found numbers as tags ({list_names(sorted(counts, key=int))})",
                location=location,
                expected="names of tags",
                hint=("give their names in ", Setting("data.tag_names"), ", e.g. [O, B-PER, I-PER]"),
            )
        spelling = find_spelling(counts, entity_type)
        if stated != "auto" and spelling.kind in ("plain", "unknown") and "O" in counts:
            spelling = types_without_prefix(counts)
        _check_spelling(spelling, counts, stated, location)
        return self._entity_reading(spelling, stated)

    def _entity_reading(self, spelling: Spelling, stated: Scheme | Literal["auto"]) -> TagReading:
        if spelling.kind == "plain":
            return TagReading("plain")
        if spelling.kind == "brackets":
            return TagReading("iob2", spelling)
        assert spelling.tags is not None
        if spelling.kind == "types":
            return TagReading("iob1", spelling)
        misfits = count_misfits(self.pairs, spelling.tags)
        scheme: Scheme = min(_ENTITY_SCHEMES, key=lambda name: misfits[name]) if stated == "auto" else stated
        has_entities = any(tag != "O" for tag in spelling.tags.values())
        return TagReading(scheme, spelling, misfits, has_evidence=has_entities)


def _check_spelling(spelling: Spelling, counts: Counter[str], stated: Scheme | Literal["auto"], location: str) -> None:
    """Check that tags are those of entities or, if their scheme is not stated, a closed tag set.

    Raises:
        InputError: they are not.
    """
    if stated != "auto" and spelling.kind in ("plain", "unknown"):
        raise InputError(
            f"found tags without entities ({list_names(sorted(counts))})",
            location=location,
            expected=f"{SCHEME_NAMES[stated]} tags",
            hint=("set ", Setting("data.columns.tags"), ", or ", Setting("data.scheme"), " to plain"),
        )
    if spelling.kind == "unknown":
        raise InputError(
            f"found {len(counts):,} different tags among {counts.total():,} words "
            f"({list_names([tag for tag, _ in counts.most_common(8)])}), "
            "which are neither entities nor a closed tag set",
            location=location,
            expected="tags of entities such as B-TYPE, I-TYPE and O, or parts of speech",
            hint=("set ", Setting("data.columns.tags"), " or, if they are right, ", Setting("data.scheme"), ": plain"),
        )


@dataclass(frozen=True)
class _Renamed:
    names: Mapping[str, str]

    def __call__(self, tag: str | None) -> str | None:
        return None if tag is None else self.names.get(tag, tag)


def count_misfits(pairs: Counter[Pair], tags: Mapping[str, str]) -> dict[Scheme, int]:
    """Return how many tags each scheme does not allow: by their prefix, or next to their neighbor.

    Args:
        pairs: the counts of neighboring tags.
        tags: each tag as ``O`` or ``PREFIX-TYPE``.
    """
    misfits: dict[Scheme, int] = dict.fromkeys(_ENTITY_SCHEMES, 0)
    for pair, count in pairs.items():
        before, after = (None if tag is None else tags.get(tag, "O") for tag in pair)
        part = None if after is None else split_tag(after)
        for scheme in _ENTITY_SCHEMES:
            has_prefix = part is None or part[0] in SCHEME_PREFIXES[scheme]
            if not has_prefix or not is_transition_allowed(before, after, scheme):
                misfits[scheme] += count
    return misfits


@dataclass(frozen=True)
class TagReading:
    """How the tags of a file are read.

    Attributes:
        scheme: the scheme of the tags.
        spelling: how they are written; None: as they are.
        misfits: the tags that each scheme does not allow.
        has_evidence: whether the file has an entity, or plain tags.
        names: of tags that are numbers.
    """

    scheme: Scheme
    spelling: Spelling | None = None
    misfits: Mapping[Scheme, int] = field(default_factory=dict)
    has_evidence: bool = True
    names: Mapping[str, str] = field(default_factory=dict)
    _valid: set[Pair] = field(default_factory=set, compare=False, repr=False)

    def convert(self, sentence: Sentence, report: ReadReport) -> Sentence | None:
        """Return ``sentence`` with its tags in IOB2, or as they are if they are plain; None: it is skipped.

        Args:
            sentence: with the tags of the file.
            report: receives tags that are repaired, and sentences that are skipped.
        """
        tags = sentence.tags or ()
        if self.names:
            tags = tuple(self.names.get(tag, tag) for tag in tags)
            sentence = replace(sentence, tags=tags)
        if self.scheme == "plain" or self.spelling is None:
            return sentence
        if self.spelling.kind == "brackets":
            return self._convert_brackets(sentence, tags, report)
        pairs = list(zip((None, *tags), (*tags, None), strict=True))
        if self._valid.issuperset(pairs):
            return sentence
        spelled = self._spelled(sentence, tags, report)
        if spelled is None:
            return None
        spans = tags_to_spans(spelled)
        right = spans_to_tags(spans, len(tags), self.scheme)
        if right != spelled:
            self._report_misfits(sentence, spelled, right, report)
        converted = tuple(right if self.scheme == "iob2" else spans_to_tags(spans, len(tags), "iob2"))
        if converted != tags:
            return replace(sentence, tags=converted)
        if right == spelled:
            self._valid.update(pairs)
        return sentence

    def similar_types(self) -> list[str]:
        """Return the entity types that differ from another one only in upper and lower case.

        Example:
            >>> TagEvidence([["B-PER", "O", "B-per", "B-LOC"]]).reading("auto").similar_types()
            ['PER', 'per']
        """
        tags = (self.spelling.tags if self.spelling else None) or {}
        types = {tag[2:] for tag in tags.values() if tag != "O"}
        folded = Counter(map(str.casefold, types))
        return sorted(name for name in types if folded[name.casefold()] > 1)

    def _spelled(self, sentence: Sentence, tags: Sequence[str], report: ReadReport) -> list[str] | None:
        """Return ``tags`` as ``O`` or ``PREFIX-TYPE``; None: one cannot be read."""
        assert self.spelling is not None
        assert self.spelling.tags is not None
        spelled: list[str] = []
        for index, tag in enumerate(tags):
            expected = self.spelling.tags.get(tag)
            if expected is None and tag in _INSIDE_ALONE and spelled and spelled[-1] != "O":
                expected = f"I{spelled[-1][1:]}"
                report.repaired(_OTHER_SPELLING, sentence.location(index), f"found {tag!r}", expected=expected)
            if expected is None:
                report.skipped(
                    _NO_READING, sentence.location(index), f"found {tag!r}", expected=f"O or a tag of {self.name}"
                )
                return None
            if tag in self.spelling.others:
                report.repaired(_OTHER_SPELLING, sentence.location(index), f"found {tag!r}", expected=expected)
            spelled.append(expected)
        return spelled

    @property
    def name(self) -> str:
        """The scheme and, if it is not the usual one, the spelling.

        Example:
            >>> TagEvidence([["B_PER", "I_PER", "O"]]).reading("auto").name
            'IOB2, written as B_TYPE'
        """
        if self.spelling is None or not self.spelling.name:
            return SCHEME_NAMES[self.scheme]
        if self.spelling.kind == "types":
            return "IO, types without a prefix"
        if self.spelling.kind == "brackets":
            return f"brackets, {self.spelling.name}"
        return f"{SCHEME_NAMES[self.scheme]}, written as {self.spelling.name}"

    def describe(self) -> str:
        """Return the scheme and, unless all tags fit it, the evidence, for the log.

        Example:
            >>> TagEvidence([["I-A", "I-A", "O", "I-A"], ["O", "B-A", "O"]]).reading("auto").describe()
            'IOB1 (tags that do not fit: IOB1 1, IOB2 2)'
        """
        misfits = sorted((count, _ENTITY_SCHEMES.index(name), name) for name, count in self.misfits.items())
        own = self.misfits.get(self.scheme, 0)
        if not own:
            return self.name
        best = [(own, self.scheme), *((count, name) for count, _, name in misfits if name != self.scheme)][:2]
        return f"{self.name} (tags that do not fit: {', '.join(f'{SCHEME_NAMES[name]} {n:,}' for n, name in best)})"

    def _convert_brackets(self, sentence: Sentence, tags: Sequence[str], report: ReadReport) -> Sentence | None:
        converted = read_bracketed(tags)
        if converted is None:
            report.skipped("brackets that do not match", sentence.where, f"found {' '.join(tags)[:80]!r}")
            return None
        return replace(sentence, tags=tuple(converted))

    def _report_misfits(
        self, sentence: Sentence, spelled: Sequence[str], right: Sequence[str], report: ReadReport
    ) -> None:
        """Report the tags that the scheme does not allow; those of an entity are one case."""
        previous = -2
        for index, (tag, expected) in enumerate(zip(spelled, right, strict=True)):
            if tag != expected:
                if index != previous + 1 or expected[:1] in "BSU":
                    context = f"after {spelled[index - 1]}" if index else "at the start of a sentence"
                    report.repaired(
                        f"tag that {SCHEME_NAMES[self.scheme]} does not allow there",
                        sentence.location(index),
                        f"found {tag} {context}",
                        expected=expected,
                    )
                previous = index
