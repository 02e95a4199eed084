"""File formats of gold sentences: their names and suffixes. Each module reads and writes one format.

``registry`` maps the names to the functions; it imports pyarrow, which this module does not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nlptrain.config.data import DataConfig
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Scheme
from nlptrain.data.text_files import without_gz
from nlptrain.errors import InputError, Setting

GoldFormat = Literal[
    "conll", "conllu", "csv", "jsonl", "entities", "prodigy", "doccano", "labelstudio", "brat", "parquet", "arrow"
]
SUFFIXES: dict[GoldFormat, tuple[str, ...]] = {  # if two formats share a suffix, it is written as the first one
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
# Rows of annotation tools are recognized by their keys, so that a suffix is enough; Label Studio writes one JSON list.
READ_SUFFIXES = {
    "json" if name == "labelstudio" else name: suffixes
    for name, suffixes in SUFFIXES.items()
    if name not in ("entities", "prodigy", "doccano")
}
_IDS, _TEXTS = "ids", "texts and word offsets"


def format_of(path: Path, data: DataConfig) -> str:
    """Return the format that ``path`` is read in: that of ``data``, or else that of its suffix.

    Raises:
        InputError: the suffix is that of no format.
    """
    if data.format != "auto":
        return data.format
    suffix = without_gz(path).suffix.lower()
    for name, suffixes in READ_SUFFIXES.items():
        if suffix in suffixes:
            return name
    known = "; ".join(f"{' '.join(suffixes)}: {name}" for name, suffixes in READ_SUFFIXES.items())
    raise InputError(
        f"found the suffix {suffix!r}",
        location=str(path),
        expected=f"that of a format ({known})",
        hint=("or set ", Setting("data.format")),
    )


@dataclass
class WriteContext:
    """How sentences are written, and what the format could not hold.

    Attributes:
        scheme: the scheme of their tags.
        comments: of CoNLL: write ids and texts as ``# id = ...`` and ``# text = ...``.
        pretokenized: of BRAT: write the words joined by spaces as the text.
        has_ids: whether any sentence has an id.
        has_texts: whether any sentence has a text.
        lost: for each kind of information that the format cannot hold, the number of sentences that had it.
    """

    scheme: Scheme
    comments: bool = False
    pretokenized: bool = False
    has_ids: bool = True
    has_texts: bool = True
    lost: Counter[str] = field(default_factory=Counter)

    def count_lost(self, sentence: Sentence, *, has_ids: bool = True, has_texts: bool = True) -> None:
        """Count what a format without ids, or without texts, cannot hold of ``sentence``."""
        if not has_ids and sentence.id is not None:
            self.lost[_IDS] += 1
        if not has_texts and sentence.text is not None:
            self.lost[_TEXTS] += 1
