"""Gold tags against their scheme and the labels: every fault is named by its line before anything is trained."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from nlptrain.data.corpus import Sentence
from nlptrain.errors import InputError
from nlptrain.labels import Labels, Scheme, detect_scheme, first_break

_SHOWN = 10
_LABELS_SHOWN = 30


def scheme_of(train: Sequence[Sentence]) -> Scheme:
    """The scheme of the tags of ``train``.

    Raises:
        InputError: the scheme is not read by this version, or all tags but a few are IOB2 ones, so that those few are
            more likely slips than the whole is plain.
    """
    tagged = [sentence.tags or () for sentence in train]
    try:
        scheme = detect_scheme(tagged)
    except InputError as error:
        raise InputError(f"{_file(train[0])}: {error}") from error
    found = {tag for tags in tagged for tag in tags}
    if scheme == "plain" and "O" in found and any(tag.startswith("B-") for tag in found):
        odd = next(
            (sentence.place(index), tag)
            for sentence, tags in zip(train, tagged, strict=True)
            for index, tag in enumerate(tags)
            if first_break([tag.replace("I-", "B-", 1)])
        )
        raise InputError(
            f"{odd[0]}: found {odd[1]!r} among IOB2 tags, which are O, B-TYPE and I-TYPE; mend it, "
            "or set data.scheme to plain if each tag stands for itself"
        )
    return scheme


def refuse_broken(sentences: Iterable[Sentence]) -> None:
    """Refuse tags that are not valid IOB2.

    Raises:
        InputError: with the first ten faults, at most one a sentence.
    """
    _raise(_breaks(sentences))


def refuse_unknown(sentences: Iterable[Sentence], labels: Labels) -> None:
    """Refuse tags that are no label.

    Raises:
        InputError: with the first place of each of them, up to ten.
    """
    _raise(_unknown(sentences, labels))


def listed(names: Sequence[str]) -> str:
    """``names`` in one line, for messages; at most thirty of them."""
    more = f", ... (+{len(names) - _LABELS_SHOWN} more)" if len(names) > _LABELS_SHOWN else ""
    return ", ".join(names[:_LABELS_SHOWN]) + more


def _breaks(sentences: Iterable[Sentence]) -> Iterator[str]:
    for sentence in sentences:
        tags = sentence.tags or ()
        if fault := first_break(tags):
            index, right = fault
            if right.startswith("B-"):
                behind = f"behind {tags[index - 1]}" if index else "at the beginning of a sentence"
                yield f"{sentence.place(index)}: found {tags[index]} {behind}; IOB2 opens an entity with {right}"
            else:
                yield f"{sentence.place(index)}: found {tags[index]!r}; an IOB2 tag is {right}"


def _unknown(sentences: Iterable[Sentence], labels: Labels) -> Iterator[str]:
    said: set[str] = set()
    for sentence in sentences:
        for index, tag in enumerate(sentence.tags or ()):
            if tag not in labels.ids and tag not in said:
                said.add(tag)
                near = difflib.get_close_matches(tag, labels.names, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                yield f"{sentence.place(index)}: found {tag!r}; known: {listed(labels.names)}{hint}"


def _raise(faults: Iterator[str]) -> None:
    shown = list(islice(faults, _SHOWN))
    more = sum(1 for _ in faults)
    if shown:
        raise InputError("\n".join([*shown, f"(+{more:,} more)"] if more else shown))


def _file(sentence: Sentence) -> str:
    return sentence.where.rpartition(":")[0]
