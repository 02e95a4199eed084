"""Read and write files of any format, by the functions that its entry in ``nlptrain.config.formats`` names."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from nlptrain.atomic_files import write_errors
from nlptrain.config.data import DataConfig
from nlptrain.config.formats import FORMATS, formats_by_suffix, writable_formats
from nlptrain.data.formats import (
    FilesOf,
    FormatLines,
    IgnoredColumns,
    ReadContext,
    ReadFormat,
    ReadRows,
    WriteContext,
    WriteFormat,
)
from nlptrain.data.formats.sniffing import sniff_format
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_files import is_gz, without_gz
from nlptrain.errors import InputError, Setting
from nlptrain_runtime.schemes import Scheme


def format_of(path: Path, data: DataConfig) -> str:
    """Return the format that ``path`` is read in: that of ``data``, or else that of its content or its suffix.

    Raises:
        InputError: neither is that of a format.
    """
    if data.format != "auto":
        return data.format
    if name := sniff_format(path):
        return name
    known = "; ".join(f"{' '.join(suffixes)}: {name}" for name, suffixes in formats_by_suffix().items())
    raise InputError(
        f"found content of no known format, and the suffix {without_gz(path).suffix.lower()!r}",
        location=str(path),
        expected=f"words with tags, texts with entities, or the suffix of a format ({known})",
        hint=("or set ", Setting("data.format")),
    )


def _function(name: str, role: str) -> Any:  # noqa: ANN401 - the type of the role
    """Import the function of a format for ``role``, an attribute of ``FormatEntry``; None: it has none."""
    path = getattr(FORMATS[name], role)
    return FORMATS.load(name, path) if path else None


def read_gold(path: Path, data: DataConfig, report: ReadReport) -> Iterator[Sentence]:
    """Read the tagged sentences of a file, with the tags as they are in the file.

    Args:
        path: the file.
        data: its format; ``auto``: by its content and its suffix.
        report: receives what is repaired and skipped.

    Raises:
        InputError: the file has no known format, or one that can only be written; while reading, it is malformed.
    """
    name = format_of(path, data)
    read: ReadFormat | None = _function(name, "read")
    if read is None:
        raise InputError(f"the format {name} can only be written", location=Setting("data.format"))
    context = _context(data, report)
    sentences = read(path, context)
    yield from _checked(sentences, path, name) if FORMATS.package(name) else sentences


def _checked(sentences: Iterable[Sentence], path: Path, name: str) -> Iterator[Sentence]:
    """Check the sentences that the reader of a plug-in yields.

    Raises:
        TypeError: it yields something else.
        InputError: a sentence has no word, or another number of tags.
    """
    reader = f"{FORMATS[name].read} ({FORMATS.package(name)})"
    if not isinstance(sentences, Iterable):
        raise TypeError(f"{reader}: found {type(sentences).__name__}; expected an iterator of sentences")
    for index, sentence in enumerate(sentences, start=1):
        if not isinstance(sentence, Sentence):
            raise TypeError(f"{reader}: found {type(sentence).__name__}; expected a Sentence")
        if not sentence.words or len(sentence.words) != len(sentence.tags or ()):
            fault = f"found {len(sentence.words)} words and {len(sentence.tags or ())} tags"
            where = sentence.where or f"{path}: sentence {index}"
            raise InputError(fault, location=where, expected="a tag for each of at least one word", hint=reader)
        yield sentence if sentence.where else replace(sentence, where=f"{path}:{index}")


def tag_names(data: DataConfig) -> dict[str, str]:
    """Return the names of the tags that the files have as numbers."""
    if isinstance(data.tag_names, list):
        return {str(index): name for index, name in enumerate(data.tag_names)}
    return dict(data.tag_names or {})


def _context(data: DataConfig, report: ReadReport) -> ReadContext:
    scheme: Scheme = "plain" if data.scheme == "plain" else "iob2"
    return ReadContext(
        data.columns,
        scheme,
        data.pretokenized,
        report=report,
        align=data.align,
        entity_type=data.entity_type,
        tag_names=tag_names(data),
        segmenter=data.segmenter,
    )


def ignored_columns(path: Path, data: DataConfig) -> list[str]:
    """Return the names of the columns, keys or annotations that ``read_gold`` ignores; of JSON, those of the first row.

    Raises:
        InputError: the file cannot be read, or lacks a column that ``data`` names.
    """
    ignored: IgnoredColumns | None = _function(format_of(path, data), "ignored")
    return [] if ignored is None else ignored(path, _context(data, ReadReport()))


def rows_reader(name: str) -> ReadRows | None:
    """Return what reads the rows of raw text in the format ``name``; None: nothing does."""
    reader: ReadRows | None = _function(name, "rows")
    return reader


def files_of(path: Path, target: str | None = None) -> list[Path]:
    """Return the files that belong to ``path``: itself, and for example the text that a BRAT file annotates.

    Args:
        path: the file.
        target: its format; None: that of its suffix, if it has one.
    """
    if target is None:
        suffix = path.suffix.lower()
        target = next((name for name, entry in FORMATS.items() if entry.files and suffix in entry.suffixes), None)
    files: FilesOf | None = None if target is None else _function(target, "files")
    return [path] if files is None else files(path)


def format_by_suffix(out: Path) -> str:
    """Return the first format that can be written and has the suffix of ``out``; for JSON Lines, tokens with tags.

    Raises:
        InputError: there is none.
    """
    suffix = without_gz(out).suffix.lower()
    writable = {name: FORMATS[name].suffixes for name in writable_formats()}
    target = next((name for name, suffixes in writable.items() if suffix in suffixes), None)
    if target is None:
        known = ", ".join(dict.fromkeys(name for suffixes in writable.values() for name in suffixes))
        raise InputError(
            f"found the suffix {suffix!r}",
            location=str(out),
            expected=f"that of a format ({known})",
            hint=("or give ", Setting("target")),
        )
    return target


def check_file_name(out: Path, target: str) -> None:
    """Check that the suffix of ``out`` is one that readers of ``target`` accept.

    Raises:
        InputError: it is not.
    """
    entry = FORMATS[target]
    if entry.files and out.suffix.lower() not in entry.suffixes:
        raise InputError(
            f"found the suffix {out.suffix!r}",
            location=str(out),
            expected=f"{entry.suffixes[0]} for {target}, whose other file is written next to it",
        )
    if entry.write and is_gz(out):
        raise InputError(
            "found the suffix '.gz'", location=str(out), expected=f"none: {target} files are not gzip-compressed"
        )


class SentenceCounter:
    """Counts sentences and words on their way to a writer."""

    def __init__(self) -> None:
        """Start at 0."""
        self.sentences = self.words = 0

    def count(self, sentences: Iterator[Sentence]) -> Iterator[Sentence]:
        """Yield ``sentences``, and count them and their words."""
        for sentence in sentences:
            self.sentences += 1
            self.words += len(sentence.words)
            yield sentence


def write_gold(sentences: Iterable[Sentence], path: Path, target: str, context: WriteContext) -> None:
    """Write ``sentences`` to ``path``; no file is left if one of them cannot be written.

    Args:
        sentences: sentences with tags in ``context.scheme``; read once, a few at a time.
        path: the file; a text file is compressed if its name ends in ``.gz``.
        target: the format.
        context: the options; it counts what the format cannot hold.

    Raises:
        InputError: the format can only be read, or it cannot hold a word or a tag.
    """
    if not FORMATS[target].is_writable:
        known = ", ".join(writable_formats())
        raise InputError(
            f"the format {target} can only be read", location=Setting("target"), expected=f"one of {known}"
        )
    paths = files_of(path.resolve(), target)  # a link stays a link
    parts = [file.with_name(f"{file.name}.part") for file in paths]
    path.resolve().parent.mkdir(parents=True, exist_ok=True)
    lines: FormatLines | None = _function(target, "lines")
    try:
        with write_errors(paths[0]):
            if lines is not None:
                text = lines(sentences, context)
                text = _checked_lines(text, target) if FORMATS.package(target) else text
                _write_lines(text, parts[0], compress=is_gz(path.resolve()))
            else:
                write: WriteFormat = _function(target, "write")
                write(sentences, parts, context)
            for part, file in zip(parts, paths, strict=True):
                part.replace(file)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _checked_lines(lines: Iterable[str], name: str) -> Iterator[str]:
    """Check that the lines of a plug-in end with a line break.

    Raises:
        TypeError: one is no such line.
    """
    for line in lines:
        if not str(line).endswith("\n"):
            raise TypeError(
                f"{FORMATS[name].lines}: found {str(line)[:60]!r}; expected a line that ends with a line break"
            )
        yield line


def _write_lines(lines: Iterable[str], path: Path, *, compress: bool) -> None:
    # mtime 0: the same sentences give the same bytes
    with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if compress else raw as file:
        for line in lines:
            file.write(line.encode("utf-8"))
