"""Tag schemes of gold text: detection, validation and conversion.

The definition of an entity in each scheme is in ``nlptrain_runtime.schemes``, which exported students use as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal

from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError, Problem, Setting, Text
from nlptrain_runtime.schemes import Scheme, Span, is_transition_allowed, spans_to_tags, split_tag, tags_to_spans

__all__ = [
    "SCHEME_NAMES",
    "SCHEME_PREFIXES",
    "Scheme",
    "Span",
    "check_tag_sequences",
    "describe_schemes",
    "detect_scheme",
    "detect_schemes",
    "detect_sentence_scheme",
    "first_invalid_tag",
    "list_names",
    "is_transition_allowed",
    "raise_problems",
    "tags_to_spans",
    "split_tag",
    "spans_to_tags",
    "to_scheme",
]

SCHEME_NAMES: dict[Scheme, str] = {
    "iob1": "IOB1",
    "iob2": "IOB2",
    "iobes": "IOBES",
    "bilou": "BILOU",
    "plain": "plain",
}
SCHEME_PREFIXES: dict[Scheme, str] = {"iob1": "BI", "iob2": "BI", "iobes": "BIES", "bilou": "BILU", "plain": ""}
_MAX_PROBLEMS = 10  # that an error lists
_MAX_NAMES = 30  # labels that a message lists


def to_scheme(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """Convert ``tags`` to ``scheme``, with the same entities; plain tags stay as they are.

    Example:
        >>> to_scheme(["I-person", "I-person", "O"], "iob2")
        ['B-person', 'I-person', 'O']
    """
    return list(tags) if scheme == "plain" else spans_to_tags(tags_to_spans(tags), len(tags), scheme)


def first_invalid_tag(tags: Sequence[str], scheme: Scheme) -> tuple[int, str] | None:
    """Return the index of the first tag that is invalid in ``scheme``, with the tag that is expected there, or None.

    Example:
        >>> first_invalid_tag(["O", "I-person"], "iob2")
        (1, 'B-person')
    """
    if scheme == "plain":
        return None
    allowed = SCHEME_PREFIXES[scheme]
    for index, tag in enumerate(tags):
        part = split_tag(tag)
        if tag != "O" and (part is None or part[0] not in allowed):
            return index, "O, " + " or ".join(f"{prefix}-TYPE" for prefix in allowed)
    right = spans_to_tags(tags_to_spans(tags), len(tags), scheme)
    return next(((index, right[index]) for index, tag in enumerate(tags) if tag != right[index]), None)


def detect_scheme(
    tag_sequences: Iterable[Sequence[str]], *, are_label_names: bool = False, location: str = ""
) -> Scheme | None:
    """Detect the scheme of tags; None if there is no evidence.

    A tag that is neither ``O`` nor ``B- I- E- S- L- U-`` with a type: plain. E- or S-: IOBES. L- or U-: BILOU.
    Otherwise a B- that does not follow its own type is evidence for IOB2; without one, an I- that starts an entity is
    evidence for IOB1.

    Args:
        tag_sequences: the tags of each sentence.
        are_label_names: each sequence is a single label name, so that a tag's neighbors are no evidence: names
            without any B- are IOB1, others IOB2.
        location: the files of the tags, for messages.

    Raises:
        InputError: the tags have prefixes of IOBES and of BILOU.
    """
    prefixes: set[str] = set()
    has_iob2_start = has_iob1_start = False
    for tags in tag_sequences:
        previous = ("", "")
        for tag in tags:
            part = split_tag(tag)
            if part is None and tag != "O":
                return "plain"
            if part is not None:
                prefixes.add(part[0])
                follows_own_type = previous[1] == part[1]
                has_iob2_start |= part[0] == "B" and not follows_own_type
                has_iob1_start |= part[0] == "I" and not follows_own_type
            previous = part or ("", "")
    if prefixes & {"E", "S"} and prefixes & {"L", "U"}:
        raise InputError(
            f"found tags of IOBES and of BILOU ({', '.join(f'{prefix}-' for prefix in sorted(prefixes))})",
            location=location,
            expected="tags of one scheme",
            hint=("if each tag is a label of its own, set ", Setting("data.scheme"), " to plain"),
        )
    if prefixes & set("ESLU"):
        return "iobes" if prefixes & {"E", "S"} else "bilou"
    if are_label_names:
        return "iob2" if "B" in prefixes else "iob1" if prefixes else None
    return "iob2" if has_iob2_start else "iob1" if has_iob1_start else None


def detect_sentence_scheme(sentences: Sequence[Sentence]) -> Scheme | None:
    """Detect the scheme of the tags of ``sentences``; None if there is no evidence.

    Raises:
        InputError: the tags are of two schemes, or all but a few are of one: then these few are taken for typing
            errors rather than all tags for plain.
    """
    tag_sequences = [sentence.tags or () for sentence in sentences]
    scheme = detect_scheme(tag_sequences, location=sentences[0].file if sentences else "")
    tags = {tag for sequence in tag_sequences for tag in sequence}
    if scheme == "plain" and "O" in tags and any(tag.startswith("B-") for tag in tags):
        location, odd_tag = next(
            (sentence.location(index), tag)
            for sentence, sequence in zip(sentences, tag_sequences, strict=True)
            for index, tag in enumerate(sequence)
            if tag != "O" and not split_tag(tag)
        )
        likely: Scheme = detect_scheme([tag] for tag in tags if tag == "O" or split_tag(tag)) or "iob2"
        *most, last = [f"{prefix}-TYPE" for prefix in SCHEME_PREFIXES[likely]]
        raise InputError(
            f"found {odd_tag!r} among {SCHEME_NAMES[likely]} tags",
            location=location,
            expected=f"O, {', '.join(most)} or {last}",
            hint=("if each tag is a label of its own, set ", Setting("data.scheme"), " to plain"),
        )
    return scheme


def detect_schemes(splits: Mapping[str, Sequence[Sentence]], stated: Scheme | Literal["auto"]) -> dict[str, Scheme]:
    """Detect the scheme of each split that has sentences, and validate its tags.

    Each split is detected by itself. A split without evidence has the scheme of the first split with evidence, else
    IOB2.

    Args:
        splits: the sentences of train, dev and test.
        stated: the scheme of all splits, or ``auto``.

    Raises:
        InputError: a tag is invalid in its scheme, or some splits have entities and others plain tags.
    """
    splits = {name: sentences for name, sentences in splits.items() if sentences}
    detected = {
        name: detect_sentence_scheme(sentences) if stated == "auto" else stated for name, sentences in splits.items()
    }
    default: Scheme = next((scheme for scheme in detected.values() if scheme), "iob2")
    schemes: dict[str, Scheme] = {name: scheme or default for name, scheme in detected.items()}
    plain = [name for name, scheme in schemes.items() if scheme == "plain"]
    if plain and len(plain) < len(schemes):
        other = next(name for name in schemes if name not in plain)
        tags = {tag for sentence in splits[plain[0]] for tag in sentence.tags or ()}
        raise InputError(
            f"found plain tags ({list_names(sorted(tags))})",
            location=Setting(f"data.{plain[0]}"),
            expected=(f"{SCHEME_NAMES[schemes[other]]} tags, as in ", Setting(f"data.{other}")),
            hint="give files of one task",
        )
    check_tag_sequences((sentences, schemes[name]) for name, sentences in splits.items())
    return schemes


def describe_schemes(schemes: Mapping[str, Scheme], target: Scheme) -> str:
    """Describe the schemes of the splits, for the log.

    Example:
        >>> describe_schemes({"train": "iob1", "dev": "iob1", "test": "iob2"}, "iob2")
        'tag scheme: IOB1 in train and dev, IOB2 in test, converted to IOB2 (data.scheme)'
    """
    splits: dict[Scheme, list[str]] = {}
    for name, scheme in schemes.items():
        splits.setdefault(scheme, []).append(name)
    if len(splits) > 1:
        summary = ", ".join(f"{SCHEME_NAMES[scheme]} in {' and '.join(names)}" for scheme, names in splits.items())
    else:
        summary = SCHEME_NAMES[next(iter(splits))]
    conversion = "" if list(splits) == [target] else f", converted to {SCHEME_NAMES[target]}"
    return f"tag scheme: {summary}{conversion} (data.scheme)"


def check_tag_sequences(parts: Iterable[tuple[Iterable[Sentence], Scheme]]) -> None:
    """Check that the tags of sentences are valid in the scheme that comes with them.

    Raises:
        InputError: with the first ten problems, at most one per sentence.
    """
    raise_problems(problem for sentences, scheme in parts for problem in _invalid_tags(sentences, scheme))


def raise_problems(problems: Iterator[Problem], hint: Text = "") -> None:
    """Raise the first ten ``problems``, with the number of the others and ``hint``; return if there are none."""
    first = list(islice(problems, _MAX_PROBLEMS))
    more = sum(1 for _ in problems)
    if first:
        raise InputError(*first, *([f"(+{more:,} more)"] if more else []), *([hint] if hint else []))


def list_names(names: Sequence[str]) -> str:
    """Return ``names`` in one line, for messages; at most thirty of them."""
    more = f", ... (+{len(names) - _MAX_NAMES} more)" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more


def _invalid_tags(sentences: Iterable[Sentence], scheme: Scheme) -> Iterator[Problem]:
    name = SCHEME_NAMES[scheme]
    for sentence in sentences:
        tags = sentence.tags or ()
        if invalid := first_invalid_tag(tags, scheme):
            index, right = invalid
            location = sentence.location(index)
            if not split_tag(right):
                yield Problem(f"found {tags[index]!r}", location, f"a tag of {name}: {right}")
                continue
            context = f"after {tags[index - 1]}" if index else "at the start of a sentence"
            if scheme == "iob2":
                yield Problem(f"found {tags[index]} {context}", location, f"{right}, which starts an entity in IOB2")
                continue
            following = f"before {tags[index + 1]}" if index + 1 < len(tags) else "at the end of a sentence"
            yield Problem(f"found {tags[index]} {context} and {following}", location, f"{right} in {name}")
