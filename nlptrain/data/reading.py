"""Gold files of any format that is read, to sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nlptrain.config.data import DataConfig
from nlptrain.data.arrow_files import read_arrow, read_parquet
from nlptrain.data.columns import read_columns
from nlptrain.data.conllu import read_conllu
from nlptrain.data.corpus import Sentence
from nlptrain.data.jsonlines import read_jsonl
from nlptrain.data.text_files import expand, unpacked
from nlptrain.errors import InputError

_SUFFIXES = {
    "conll": (".conll", ".tsv", ".bio", ".iob", ".iob2", ".txt"),
    "conllu": (".conllu",),
    "jsonl": (".jsonl", ".ndjson"),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather"),
}


def read_gold(paths: str | Sequence[str], data: DataConfig, *, key: str = "") -> Iterator[Sentence]:
    """The tagged sentences of all files that ``paths`` names, file by file.

    Args:
        paths: a path or a glob, or several.
        data: says how the files are written.
        key: the configuration key that holds ``paths``, for messages.

    Raises:
        InputError: there is no such file, one has a suffix that says nothing, one is not written as it should be, or
            one has no sentence.
    """
    for path in expand(paths, key=key):
        sentences = 0
        for sentence in _read_file(path, data):
            sentences += 1
            yield sentence
        if not sentences:
            raise InputError(f"{path}: found no sentence; a gold file has at least one")


def _read_file(path: Path, data: DataConfig) -> Iterator[Sentence]:
    match _format(path) if data.format == "auto" else data.format:
        case "conll":
            return read_columns(path, data.columns)
        case "conllu":
            return read_conllu(path, data.columns)
        case "parquet":
            return read_parquet(path, data.columns)
        case "arrow":
            return read_arrow(path, data.columns)
        case _:
            # Entities have no scheme; their tags are written in the one that the files of the run are in.
            return read_jsonl(path, "iob2" if data.scheme == "auto" else data.scheme)


def _format(path: Path) -> str:
    suffix = unpacked(path).suffix.lower()
    for name, suffixes in _SUFFIXES.items():
        if suffix in suffixes:
            return name
    known = "; ".join(f"{' '.join(suffixes)}: {name}" for name, suffixes in _SUFFIXES.items())
    raise InputError(f"{path}: found the suffix {suffix!r}, which names no format ({known}); set data.format")
