"""The `data:` map: which files, how they are written, what of the raw text is used."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from nlptrain.config.section import Section

Split = Literal["train", "dev", "test", "unlabeled"]
Paths = Annotated[str | list[str], Field(min_length=1)]
HUB = re.compile(
    r"hub:(?P<name>[A-Za-z0-9][\w.-]*/[\w.-]+)(@(?P<revision>refs/(?:convert|pr)/[\w.-]+|[\w.-]+))?(/(?P<config>[\w.-]+))?:(?P<split>[\w.-]+)"
)
SPLITS: tuple[Split, ...] = ("train", "dev", "test", "unlabeled")
Column = Annotated[int, Field(ge=-64, le=64)]
ColumnName = Annotated[str, Field(min_length=1)]
Format = Literal["conll", "conllu", "csv", "jsonl", "json", "brat", "parquet", "arrow"]


class ColumnsConfig(Section):
    """Which columns of a file hold the words and the tags: numbers where they have none, else names."""

    words: Column | ColumnName | None = Field(
        None,
        description="Column of the words: 1 is the first, -1 the last; in CSV, Parquet and Arrow files a name. Default: 1 in CoNLL, 2 (FORM) in CoNLL-U; word or token; tokens or words.",
    )
    tags: Column | ColumnName | None = Field(
        None,
        description="Column of the tags: a number as for `words`, `upos` (4) or `xpos` (5) in CoNLL-U, or a name. Default: -1 in CoNLL, upos in CoNLL-U; tag, ner_tag or label; tags or ner_tags.",
    )

    sentences: Column | ColumnName | None = Field(
        None,
        description="Column of the sentences' names in CSV files. Default: sentence_id, sent_id, sentence or sentence #.",
    )

    @model_validator(mode="after")
    def _no_column_zero(self) -> ColumnsConfig:
        if 0 in (self.words, self.tags, self.sentences):
            raise ValueError("columns are counted from 1 (or from the end: -1 is the last); there is no column 0")
        return self


class SourceConfig(Section):
    """Raw text with a weight."""

    path: Paths = Field(description="A file, a glob, or a list of them.")
    weight: float = Field(
        1.0,
        gt=0.0,
        le=1000.0,
        description="How often its sentences are read, beside those of a source of weight 1: 2 is twice as often.",
    )


class DataConfig(Section):
    """The files of a run. A path may be a glob or a list of paths and globs, relative to the working directory, or hub:OWNER/NAME:SPLIT for a split of a data set on the Hub (also hub:OWNER/NAME@REVISION/CONFIGURATION:SPLIT)."""

    train: Paths | None = Field(None, description="Gold training sentences.")
    dev: Paths | None = Field(
        None,
        description="Gold sentences that choose the best step. Default: 10 % of train (at least 100 but at most a third, at most 2,000 sentences), chosen by a hash of the sentence.",
    )
    test: Paths | None = Field(None, description="Gold sentences that are scored once, at the end. Default: none.")
    unlabeled: Annotated[str | list[str | SourceConfig], Field(min_length=1)] | None = Field(
        None,
        description="Raw text, a sentence or a paragraph a line, that the teacher labels (of .parquet, .arrow, .jsonl, .json and .csv files the column text, or else tokens); without a teacher, its words only count for the student's vocabulary. A list may hold maps of path and weight.",
    )
    format: Literal["auto"] | Format = Field(
        "auto",
        description="Format of the gold files. auto: by suffix (.conll .tsv .bio .iob .iob2 .txt: conll; .conllu; .csv; .jsonl .ndjson; .json; .ann: brat; .parquet .pq; .arrow .feather).",
    )
    columns: ColumnsConfig = Field(
        ColumnsConfig(), description="Columns of the words and tags in CoNLL, CoNLL-U, CSV, Parquet and Arrow files."
    )
    scheme: Literal["auto", "iob1", "iob2", "iobes", "bilou", "plain"] = Field(
        "auto",
        description="How the gold tags are written: iob1, iob2, iobes or bilou (entities), or plain (part of speech and the like). auto: found out from the tags of train, dev and test, each by itself.",
    )
    labels: list[str] | None = Field(
        None,
        min_length=2,
        description="The labels in the order of the logit columns. Default: those of the teacher, or those of train. Needed for a classifier whose labels are LABEL_0, LABEL_1, ...",
    )
    label_map: dict[str, str] | None = Field(
        None,
        min_length=1,
        description="The teacher's names to the data's, where they differ: of entity types (PER: person), or of whole labels (B-PER: B-person); O: no entity. Default: the same names.",
    )
    teacher_scheme: Literal["auto", "iob1", "iob2", "iobes", "bilou", "plain"] = Field(
        "auto",
        description="How the teacher's labels are written. auto: as its folder says, if it was trained here; else found out from their names, and where these are those of IOB1 and of IOB2, from what opens entities in its answers to 300 sentences of dev, train or unlabeled. Where these show nothing, it is the one that the names look like, and the student's answers need not keep to it.",
    )
    pretokenized: bool = Field(
        False, description="The words of `unlabeled` are already separated by spaces; true turns the word splitter off."
    )
    min_words: int = Field(4, ge=1, description="Raw lines of fewer words are left out (counted and said).")
    max_words: int = Field(
        80,
        ge=8,
        description="Raw lines of more words are cut behind a sentence's end, or failing that at this many words.",
    )

    @property
    def sources(self) -> list[SourceConfig]:
        """The raw text, each part with its weight; a sentence that stands in several counts for the first."""
        entries = [self.unlabeled] if isinstance(self.unlabeled, str) else self.unlabeled or []
        return [SourceConfig(path=entry) if isinstance(entry, str) else entry for entry in entries]

    def named(self, split: Split) -> list[str]:
        """The paths and globs of a split, none if it is not given."""
        if split == "unlabeled":
            paths = [source.path for source in self.sources]
        else:
            paths = [given] if (given := getattr(self, split)) is not None else []
        return [one for path in paths for one in ([path] if isinstance(path, str) else path)]
