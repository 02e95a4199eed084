"""Ignored columns: the columns, keys and annotations of a gold file that hold neither words nor tags."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nlptrain.config.data import DataConfig
from nlptrain.data.annotation_rows import is_task, keys_read
from nlptrain.data.arrow_files import other_arrow, other_parquet
from nlptrain.data.brat import other_annotations
from nlptrain.data.columns import other_columns
from nlptrain.data.conllu import other_fields
from nlptrain.data.corpus import format_of
from nlptrain.data.csv_files import other_names
from nlptrain.data.jsonlines import read_list, read_objects


def ignored_columns(path: Path, data: DataConfig) -> list[str]:
    """Return the names of what ``Corpus`` ignores in ``path``; of JSON, the keys of the first row.

    Raises:
        InputError: the file cannot be read, or lacks a column that ``data`` names.
    """
    match format_of(path, data):
        case "brat":
            return other_annotations(path)
        case "json":
            return _other_keys(next(read_list(path), (0, {}))[1])
        case "jsonl":
            return _other_keys(next(read_objects(path), (0, {}))[1])
        case other:
            return _BY_FORMAT[other](path, data.columns)


_BY_FORMAT: dict[str, Callable[..., list[str]]] = {
    "conll": other_columns,
    "conllu": other_fields,
    "csv": other_names,
    "parquet": other_parquet,
    "arrow": other_arrow,
}


def _other_keys(row: dict[str, Any]) -> list[str]:
    read, inside = keys_read(row), []
    if is_task(row):
        data = row["data"]
        text = "text" if "text" in data else next((key for key in data if isinstance(data[key], str)), "text")
        inside = [f"data.{key}" for key in data if key not in (text, "tokens")]
    return [*inside, *(key for key in row if key not in read)]
