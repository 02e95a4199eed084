"""The formats that gold sentences are written in, and the names that say them."""

from __future__ import annotations

from typing import Literal

Target = Literal[
    "conll", "conllu", "csv", "jsonl", "entities", "prodigy", "doccano", "labelstudio", "brat", "parquet", "arrow"
]
SUFFIXES: dict[Target, tuple[str, ...]] = {  # where two formats have one, the first is meant
    "conll": (".conll", ".tsv", ".bio", ".iob", ".iob2", ".txt"),
    "conllu": (".conllu",),
    "csv": (".csv",),
    "jsonl": (".jsonl", ".ndjson"),
    "entities": (".jsonl",),
    "prodigy": (".jsonl",),
    "doccano": (".jsonl",),
    "labelstudio": (".json",),
    "brat": (".ann",),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather"),
}
