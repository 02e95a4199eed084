"""BRAT's standoff files: a text in ``NAME.txt`` and its marks in ``NAME.ann`` (brat.nlplab.org/standoff.html)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from nlptrain.data.marked_text import Mark, MarkedText
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_files import lines
from nlptrain.errors import InputError
from nlptrain.schemes import Scheme

_MARK = re.compile(r"T\S+\t(\S+) (\d{1,15}) (\d{1,15})\t.*", re.DOTALL)
_PARTED = re.compile(r"T\S+\t\S+ \d+ \d+(;\d+ \d+)+\t.*", re.DOTALL)
_PLACES = re.compile(r"\S+")


def read_brat(path: Path, scheme: Scheme = "iob2", *, pretokenized: bool = False) -> Iterator[Sentence]:
    """The lines of ``NAME.txt`` with the text-bound annotations of ``NAME.ann``; of other annotations nothing is read.

    A line is a sentence, and its name is that of the file and its number: ``NAME:3``. Lines without a word are none.

    Args:
        path: ``NAME.ann``; the text lies beside it.
        scheme: what the tags are written in.
        pretokenized: white space parts the words, and nothing else does.

    Raises:
        InputError: there is no such text, an annotation cannot be read, has several parts, says another text than
            stands there, or reaches over the end of a line; or as for ``MarkedText.sentence``.
    """
    beside = path.with_suffix(".txt")
    if not beside.is_file():
        raise InputError(f"{path}: found no {beside.name} beside it, which holds its text")
    for _ in lines(beside):  # which names what is not UTF-8
        pass
    # Offsets count what a line ends with, too: one place, or two.
    try:
        raw = beside.read_bytes().decode("utf-8").removeprefix("\ufeff").split("\n")
    except (OSError, UnicodeDecodeError) as error:  # it was another one a moment ago
        raise InputError(f"{beside}: cannot be read: {error}") from error
    starts = [0, *accumulate(len(text) + 1 for text in raw)]
    texts = [text.removesuffix("\r") for text in raw]
    marks: list[list[Mark]] = [[] for _ in texts]
    name = path.stem.encode("utf-8", "replace").decode("utf-8")  # a file may have a name that is no text
    for number, line in lines(path):
        if line.startswith("T"):
            at, mark = _mark(line, f"{path}:{number}", texts, starts)
            marks[at].append(mark)
    for number, (text, found) in enumerate(zip(texts, marks, strict=True), start=1):
        places = [match.span() for match in _PLACES.finditer(text)] if pretokenized else None
        marked = MarkedText(text, found, f"{beside}:{number}", places, f"{name}:{number}")
        if sentence := marked.sentence(scheme):
            yield sentence


def other_annotations(path: Path) -> list[str]:
    """What ``NAME.ann`` holds beside text-bound annotations."""
    kinds = {"R": "relations", "*": "relations", "E": "events", "A": "attributes", "M": "attributes", "N": "norms"}
    return list(dict.fromkeys(kinds.get(line[0], "notes") for _, line in lines(path) if line and line[0] != "T"))


def text_beside(path: Path) -> Path | None:
    """The text of a ``NAME.ann``, if ``path`` is one and has a text."""
    beside = path.with_suffix(".txt")
    return beside if path.suffix.lower() == ".ann" and beside.is_file() else None


def _mark(line: str, where: str, texts: list[str], starts: list[int]) -> tuple[int, Mark]:
    """The line of the text that an annotation stands in, and the annotation there."""
    if _PARTED.fullmatch(line):
        raise InputError(
            f"{where}: found an annotation of several parts ({line!r}); a word has one tag: join the parts"
        )
    match = _MARK.fullmatch(line)
    if match is None:
        raise InputError(f"{where}: found {line!r}; a text-bound annotation is T1<TAB>TYPE START END<TAB>TEXT")
    start, end = int(match[2]), int(match[3])
    at = bisect_right(starts, start) - 1
    if at >= len(texts) or end > starts[at] + len(texts[at]):
        raise InputError(
            f"{where}: found {match[1]} from {start} to {end}, over the end of a line or of the text; "
            "a line is a sentence"
        )
    said, there = line.split("\t")[2], texts[at][start - starts[at] : end - starts[at]]
    if said != there:
        raise InputError(f"{where}: says {said!r}, and from {start} to {end} the text has {there!r}")
    return at, Mark(start - starts[at], end - starts[at], match[1])
