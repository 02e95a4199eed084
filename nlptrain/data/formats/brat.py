"""BRAT's standoff files: a text in ``NAME.txt`` and its annotations in ``NAME.ann`` (brat.nlplab.org/standoff.html)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.annotated_text import AnnotatedText, TextSpan, to_annotated_text, word_offsets
from nlptrain.data.sentence import Sentence
from nlptrain.data.span_search import locate_spans
from nlptrain.data.text_files import read_lines
from nlptrain.errors import InputError

_SPAN = re.compile(r"T\S+\t(\S+)[ \t](\d{1,15}[ \t]\d{1,15}(?:;\d{1,15} \d{1,15})*)(?:\t(.*))?", re.DOTALL)
_WORD = re.compile(r"\S+")
_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|$)")
_WORD_LIMITS = "word limits"
_MALFORMED = "annotation that is malformed, left out"
_UNKNOWN = "line that is no annotation of BRAT, left out"
_OTHER = re.compile(r"[REAMN#*]\S*[\t ]")  # relations, events, attributes, norms, notes
_PARTS = "annotation of several parts, the longest one kept"


def read_brat(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the lines of ``NAME.txt`` with the text-bound annotations of ``NAME.ann``; other annotations are ignored.

    Each line with a word is a sentence; its id is the file's name and the line number: ``NAME:3``. Lines that an
    annotation joins are one sentence. Parts of an annotation that only white space separates are one span; of others,
    the longest one is kept. The document of a sentence is
    the file.

    Args:
        path: ``NAME.ann``; the text is in the same folder.
        context: the scheme of the tags, and whether words are separated by white space alone.

    Raises:
        InputError: the text is missing or not UTF-8.
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
        text = text_path.read_bytes().decode("utf-8").removeprefix("\ufeff")
    except (OSError, UnicodeDecodeError) as error:  # the file has just been replaced
        raise InputError(f"cannot be read: {error}", location=str(text_path)) from error
    spans = list(_spans(path, text, context))
    spans = locate_spans(text, spans, lambda: word_offsets(text, context), context.report, str(path))
    name = path.stem.encode("utf-8", "replace").decode("utf-8")  # file names may have bytes that are not UTF-8
    for line_number, start, end, line_spans in _sentences(text, spans):
        line = text[start:end]
        shifted = [
            replace(span, start=(span.start or 0) - start, end=(span.end or 0) - start, text=None)
            for span in line_spans
        ]
        offsets = [match.span() for match in _WORD.finditer(line)] if context.pretokenized else None
        annotated = AnnotatedText(line, shifted, f"{text_path}:{line_number}", offsets, f"{name}:{line_number}")
        if sentence := annotated.sentence(context):
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
            context.count_lost(sentence, has_ids=False, has_texts=not drops_text, has_scores=False, has_partial=False)
            annotated = to_annotated_text(replace(sentence, text=None) if drops_text else sentence, context.scheme)
            line = annotated.text
            if line.split() != list(sentence.words):
                context.lost[_WORD_LIMITS] += 1
            for span in annotated.spans:
                count += 1
                location = f"{span.label} {start + (span.start or 0)} {start + (span.end or 0)}"
                annotations.write(f"T{count}\t{location}\t{span.text}\n")
            texts.write(f"{line}\n")
            start += len(line) + 1


def _spans(path: Path, text: str, context: ReadContext) -> Iterator[TextSpan]:
    """Yield the text-bound annotations of a file, each with the text that it quotes."""
    for line_number, line in read_lines(path):
        location = f"{path}:{line_number}"
        if not line.startswith("T"):
            if line.strip() and not _OTHER.match(line):
                context.report.repaired(_UNKNOWN, location, f"found {line[:60]!r}")
            continue
        match = _SPAN.fullmatch(line)
        if match is None:
            context.report.mentions["lost"] += 1
            expected = "a text-bound annotation, T1<TAB>TYPE START END<TAB>TEXT"
            context.report.repaired(_MALFORMED, location, f"found {line!r}", expected=expected)
            continue
        label, offsets, quoted = match.groups()
        parts = _joined_parts(text, sorted(tuple(map(int, part.split())) for part in offsets.split(";")))
        start, end = max(parts, key=lambda part: part[1] - part[0])
        if len(parts) > 1:
            quoted = None
            context.report.repaired(
                _PARTS, location, f"found {line!r}", expected=f"{text[start:end]!r} ({start}-{end})"
            )
        yield TextSpan(start, end, label, text=quoted, where=location)


def _joined_parts(text: str, parts: Sequence[tuple[int, ...]]) -> list[tuple[int, int]]:
    """Return the parts of an annotation; those with only white space in between are one."""
    joined: list[tuple[int, int]] = []
    for start, end in parts:
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _sentences(text: str, spans: Sequence[TextSpan]) -> Iterator[tuple[int, int, int, list[TextSpan]]]:
    """Yield the number of each line, its start and end in ``text``, and its spans; lines that a span joins are one."""
    lines = [match.span(1) for match in _LINE.finditer(text)]
    remaining = sorted(spans, key=lambda span: span.start or 0)
    remaining.reverse()
    index = 0
    while index < len(lines):
        first, (start, end) = index, lines[index]
        line_spans: list[TextSpan] = []
        while remaining and (remaining[-1].start or 0) < end:
            line_spans.append(remaining.pop())
            while index + 1 < len(lines) and lines[index + 1][0] < (line_spans[-1].end or 0):
                index += 1
            end = lines[index][1]
        yield first + 1, start, end, line_spans
        index += 1
