"""Gold tags against their scheme and the labels: every fault is named by its line before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError
from nlptrain.labels import Labels
from nlptrain.schemes import NAMES, PREFIXES, Scheme, first_break, parted, proven_scheme
from nlptrain.suggestions import suggest

_SHOWN = 10
_LABELS_SHOWN = 30


def detect_scheme(sentences: Sequence[Sentence]) -> Scheme | None:
    """The scheme that the tags of ``sentences`` prove, or None if they prove none.

    Raises:
        InputError: the tags are of two schemes, or all but a few are of one, so that those few are more likely slips
            than the whole is plain.
    """
    tagged = [sentence.tags or () for sentence in sentences]
    scheme = proven(tagged, _file(sentences[0]) if sentences else "")
    found = {tag for tags in tagged for tag in tags}
    if scheme == "plain" and "O" in found and any(tag.startswith("B-") for tag in found):
        odd = next(
            (sentence.place(index), tag)
            for sentence, tags in zip(sentences, tagged, strict=True)
            for index, tag in enumerate(tags)
            if tag != "O" and not parted(tag)
        )
        meant: Scheme = proven_scheme([[tag] for tag in found if tag == "O" or parted(tag)]) or "iob2"
        raise InputError(
            f"{odd[0]}: found {odd[1]!r} among {NAMES[meant]} tags, which are {_allowed(meant)}; mend it, "
            "or set data.scheme to plain if each tag stands for itself"
        )
    return scheme


def proven(tagged: Iterable[Sequence[str]], where: str) -> Scheme | None:
    """``proven_scheme`` of the tags of the files ``where``, which its faults are said of.

    Raises:
        InputError: the tags are of two schemes.
    """
    try:
        return proven_scheme(tagged)
    except InputError as error:
        # What reads the tags as they are asked for has named its place already.
        raise InputError(f"{where}: {error}" if where and str(error).startswith("the tags") else str(error)) from error


def check_tag_sequences(parts: Iterable[tuple[Iterable[Sentence], Scheme]]) -> None:
    """Refuse tags that are not valid in the scheme beside them.

    Raises:
        InputError: with the first ten faults, at most one a sentence.
    """
    _raise(fault for sentences, scheme in parts for fault in _breaks(sentences, scheme))


def check_known_labels(sentences: Iterable[Sentence], labels: Labels, *, way_out: str = "") -> None:
    """Refuse tags, in whatever scheme, of a type that is none of the labels'.

    Raises:
        InputError: with the first place of each of them, up to ten, and ``way_out`` behind them.
    """
    _raise(_unknown(sentences, labels), way_out)


def listed(names: Sequence[str]) -> str:
    """``names`` in one line, for messages; at most thirty of them."""
    more = f", ... (+{len(names) - _LABELS_SHOWN} more)" if len(names) > _LABELS_SHOWN else ""
    return ", ".join(names[:_LABELS_SHOWN]) + more


def _allowed(scheme: Scheme) -> str:
    *most, last = [f"{prefix}-TYPE" for prefix in PREFIXES[scheme]]
    return f"O, {', '.join(most)} and {last}"


def _breaks(sentences: Iterable[Sentence], scheme: Scheme) -> Iterator[str]:
    name = NAMES[scheme]
    for sentence in sentences:
        tags = sentence.tags or ()
        if fault := first_break(tags, scheme):
            index, right = fault
            if not parted(right):
                yield f"{sentence.place(index)}: found {tags[index]!r}; an {name} tag is {right}"
                continue
            behind = f"behind {tags[index - 1]}" if index else "at the beginning of a sentence"
            before = f"before {tags[index + 1]}" if index + 1 < len(tags) else "at the end of a sentence"
            if scheme == "iob2":
                yield f"{sentence.place(index)}: found {tags[index]} {behind}; IOB2 opens an entity with {right}"
            else:
                yield f"{sentence.place(index)}: found {tags[index]} {behind} and {before}; {name} writes {right} here"


def _unknown(sentences: Iterable[Sentence], labels: Labels) -> Iterator[str]:
    said: set[str] = set()
    types = set(labels.types)
    plain = labels.scheme == "plain"
    for sentence in sentences:
        for index, tag in enumerate(sentence.tags or ()):
            part = None if plain else parted(tag)
            known = part[1] in types if part else tag in labels.ids
            if not known and tag not in said:
                said.add(tag)
                known_labels = listed(labels.names)
                yield f"{sentence.place(index)}: found {tag!r}; known: {known_labels}{suggest(tag, labels.names)}"


def _raise(faults: Iterator[str], way_out: str = "") -> None:
    shown = list(islice(faults, _SHOWN))
    more = sum(1 for _ in faults)
    if shown:
        raise InputError(*shown, *([f"(+{more:,} more)"] if more else []), *([way_out] if way_out else []))


def _file(sentence: Sentence) -> str:
    return sentence.where.rpartition(":")[0]
