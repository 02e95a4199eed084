"""Registry: which functions read and write each format of gold sentences."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from nlptrain.atomic_files import write_errors
from nlptrain.config.data import DataConfig
from nlptrain.data.formats import (
    GoldFormat,
    WriteContext,
    annotation_tools,
    arrow,
    brat,
    conll,
    conllu,
    csv,
    format_of,
    jsonl,
)
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Scheme
from nlptrain.data.text_files import is_gz

_LINE_WRITERS: dict[str, Callable[[Iterable[Sentence], WriteContext], Iterator[str]]] = {
    "conll": conll.conll_lines,
    "conllu": conllu.conllu_lines,
    "csv": csv.csv_lines,
    "jsonl": jsonl.jsonl_lines,
    "entities": annotation_tools.entities_lines,
    "prodigy": annotation_tools.prodigy_lines,
    "doccano": annotation_tools.doccano_lines,
    "labelstudio": annotation_tools.labelstudio_lines,
}


def read_gold(path: Path, data: DataConfig, omitted: Counter[str]) -> Iterator[Sentence]:
    """Read the tagged sentences of a file.

    Args:
        path: the file.
        data: its format; ``auto``: by its suffix.
        omitted: counts the texts that are not used, by reason.

    Raises:
        InputError: the suffix is that of no format; while reading, the file is malformed.
    """
    # Labeled spans have no scheme: their tags are written in that of the run's files.
    scheme: Scheme = "iob2" if data.scheme == "auto" else data.scheme
    match format_of(path, data):
        case "conll":
            return conll.read_conll(path, data.columns)
        case "conllu":
            return conllu.read_conllu(path, data.columns)
        case "csv":
            return csv.read_csv(path, data.columns)
        case "brat":
            return brat.read_brat(path, scheme, pretokenized=data.pretokenized)
        case "parquet":
            return arrow.read_parquet(path, data.columns)
        case "arrow":
            return arrow.read_arrow(path, data.columns)
        case "json":
            return jsonl.read_json(path, scheme, omitted=omitted)
        case _:
            return jsonl.read_jsonl(path, scheme, omitted=omitted)


def ignored_columns(path: Path, data: DataConfig) -> list[str]:
    """Return the names of the columns, keys or annotations that ``read_gold`` ignores; of JSON, those of the first row.

    Raises:
        InputError: the file cannot be read, or lacks a column that ``data`` names.
    """
    match format_of(path, data):
        case "conll":
            return conll.ignored_columns(path, data.columns)
        case "conllu":
            return conllu.ignored_columns(path, data.columns)
        case "csv":
            return csv.ignored_columns(path, data.columns)
        case "brat":
            return brat.ignored_annotations(path)
        case "parquet":
            return arrow.ignored_columns(path, data.columns, is_parquet=True)
        case "arrow":
            return arrow.ignored_columns(path, data.columns, is_parquet=False)
        case "json":
            return jsonl.ignored_keys(next(jsonl.read_list(path), (0, {}))[1])
        case _:
            return jsonl.ignored_keys(next(jsonl.read_objects(path), (0, {}))[1])


def output_files(path: Path, target: GoldFormat) -> list[Path]:
    """Return the files that ``write_gold`` writes for ``path``."""
    return [path, path.with_suffix(".txt")] if target == "brat" else [path]


def write_gold(sentences: Iterable[Sentence], path: Path, target: GoldFormat, context: WriteContext) -> None:
    """Write ``sentences`` to ``path``; no file is left if one of them cannot be written.

    Args:
        sentences: sentences with tags in ``context.scheme``; read once, a few at a time.
        path: the file; a text file is compressed if its name ends in ``.gz``.
        target: the format.
        context: the options; it counts what the format cannot hold.

    Raises:
        InputError: a word or a tag cannot be written in this format.
    """
    paths = output_files(path.resolve(), target)  # a link stays a link
    parts = [file.with_name(f"{file.name}.part") for file in paths]
    path.resolve().parent.mkdir(parents=True, exist_ok=True)
    try:
        with write_errors(paths[0]):
            if target == "brat":
                brat.write_brat(sentences, parts[0], parts[1], context)
            elif target in ("parquet", "arrow"):
                arrow.write_table(sentences, parts[0], context, is_parquet=target == "parquet")
            else:
                _write_lines(_LINE_WRITERS[target](sentences, context), parts[0], compress=is_gz(path.resolve()))
            for part, file in zip(parts, paths, strict=True):
                part.replace(file)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _write_lines(lines: Iterable[str], path: Path, *, compress: bool) -> None:
    # mtime 0: the same sentences give the same bytes
    with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if compress else raw as file:
        for line in lines:
            file.write(line.encode("utf-8"))
