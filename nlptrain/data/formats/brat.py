"""BRAT's standoff files: a text in ``NAME.txt`` and its annotations in ``NAME.ann`` (brat.nlplab.org/standoff.html)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.annotated_text import AnnotatedText, TextSpan, to_annotated_text
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError

_SPAN = re.compile(r"T\S+\t(\S+) (\d{1,15}) (\d{1,15})\t.*", re.DOTALL)
_DISCONTINUOUS = re.compile(r"T\S+\t\S+ \d+ \d+(;\d+ \d+)+\t.*", re.DOTALL)
_WORD = re.compile(r"\S+")
_WORD_LIMITS = "word limits"


def read_brat(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the lines of ``NAME.txt`` with the text-bound annotations of ``NAME.ann``; other annotations are ignored.

    Each line with a word is a sentence; its id is the file's name and the line number: ``NAME:3``; its
    document is the file.

    Args:
        path: ``NAME.ann``; the text is in the same folder.
        context: the scheme of the tags, and whether words are separated by white space alone.

    Raises:
        InputError: the text is missing; an annotation is malformed, has several parts, quotes another text than is
            there, or crosses the end of a line; or as for ``AnnotatedText.sentence``.
    """
    text_path = path.with_suffix(".txt")
    if not text_path.is_file():
        raise InputError(
            f"found no {text_path.name}", location=str(path), expected="the text in the same folder as the annotations"
        )
    for _ in read_lines(text_path):  # raises if the text is not UTF-8
        pass
    # Offsets include line ends of one or two characters.
    try:
        raw = text_path.read_bytes().decode("utf-8").removeprefix("\ufeff").split("\n")
    except (OSError, UnicodeDecodeError) as error:  # the file has just been replaced
        raise InputError(f"cannot be read: {error}", location=str(text_path)) from error
    starts = [0, *accumulate(len(text) + 1 for text in raw)]
    texts = [text.removesuffix("\r") for text in raw]
    spans: list[list[TextSpan]] = [[] for _ in texts]
    name = path.stem.encode("utf-8", "replace").decode("utf-8")  # file names may have bytes that are not UTF-8
    for line_number, line in read_lines(path):
        if line.startswith("T"):
            text_line, span = _parse_span(line, f"{path}:{line_number}", texts, starts)
            spans[text_line].append(span)
    for line_number, (text, line_spans) in enumerate(zip(texts, spans, strict=True), start=1):
        offsets = [match.span() for match in _WORD.finditer(text)] if context.pretokenized else None
        annotated = AnnotatedText(text, line_spans, f"{text_path}:{line_number}", offsets, f"{name}:{line_number}")
        if sentence := annotated.sentence(context.scheme):
            yield replace(sentence, document=name)


def ignored_annotations(path: Path, _: ReadContext) -> list[str]:
    """Return the kinds of annotations in ``NAME.ann`` that ``read_brat`` ignores."""
    kinds = {"R": "relations", "*": "relations", "E": "events", "A": "attributes", "M": "attributes", "N": "norms"}
    return list(dict.fromkeys(kinds.get(line[0], "notes") for _, line in read_lines(path) if line and line[0] != "T"))


def files_of(path: Path) -> list[Path]:
    """Return ``NAME.ann`` and ``NAME.txt``."""
    return [path, path.with_suffix(".txt")]


def write_brat(sentences: Iterable[Sentence], paths: Sequence[Path], context: WriteContext) -> None:
    """Write a line for each sentence to the second of ``paths``, and its annotations to the first one.

    The limits of words that are not separated by white space are lost, and counted in ``context``.
    """
    ann_path, text_path = paths
    start = count = 0
    with (
        ann_path.open("w", encoding="utf-8", newline="") as annotations,
        text_path.open("w", encoding="utf-8", newline="") as texts,
    ):
        for sentence in sentences:
            # Each sentence is one line.
            drops_text = context.pretokenized or (sentence.text is not None and len(sentence.text.splitlines()) > 1)
            context.count_lost(sentence, has_ids=False, has_texts=not drops_text)
            annotated = to_annotated_text(replace(sentence, text=None) if drops_text else sentence, context.scheme)
            line = annotated.text
            if line.split() != list(sentence.words):
                context.lost[_WORD_LIMITS] += 1
            for span in annotated.spans:
                count += 1
                location = f"{span.label} {start + span.start} {start + span.end}"
                annotations.write(f"T{count}\t{location}\t{line[span.start : span.end]}\n")
            texts.write(f"{line}\n")
            start += len(line) + 1


def _parse_span(line: str, location: str, texts: list[str], starts: list[int]) -> tuple[int, TextSpan]:
    """Return the line of the text that an annotation is in, and the annotation with offsets in that line."""
    if _DISCONTINUOUS.fullmatch(line):
        raise InputError(
            f"found an annotation of several parts ({line!r})",
            location=location,
            expected="one tag for each word",
            hint="join the parts",
        )
    match = _SPAN.fullmatch(line)
    if match is None:
        raise InputError(
            f"found {line!r}", location=location, expected="a text-bound annotation, T1<TAB>TYPE START END<TAB>TEXT"
        )
    start, end = int(match[2]), int(match[3])
    text_line = bisect_right(starts, start) - 1
    if text_line >= len(texts) or end > starts[text_line] + len(texts[text_line]):
        raise InputError(
            f"found {match[1]} from {start} to {end}, beyond the end of a line or of the text",
            location=location,
            expected="an annotation within one line, because each line is a sentence",
        )
    quoted, actual = line.split("\t")[2], texts[text_line][start - starts[text_line] : end - starts[text_line]]
    if quoted != actual:
        raise InputError(f"found {quoted!r}", location=location, expected=f"{actual!r}, the text from {start} to {end}")
    return text_line, TextSpan(start - starts[text_line], end - starts[text_line], match[1])
