"""The ``data:`` map: the files of a run, their format and their labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from nlptrain.config.formats import FORMATS, formats_by_suffix
from nlptrain.config.registry import KindName
from nlptrain.config.section import Invalid, Section
from nlptrain.config.segmenters import segmenter_names
from nlptrain.urls import hide_all_credentials, hide_credentials

Split = Literal["train", "dev", "test", "unlabeled"]
Paths = Annotated[str | list[str], Field(min_length=1)]
HUB = re.compile(
    r"hub:(?P<name>[A-Za-z0-9][\w.-]*/[\w.-]+)(@(?P<revision>refs/(?:convert|pr)/[\w.-]+|[\w.-]+))?(/(?P<config>[\w.-]+))?:(?P<split>[\w.-]+)"
)
Align = Literal["expand", "contract", "split", "skip", "strict"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test", "unlabeled")
Column = Annotated[int, Field(ge=-64, le=64)]
ColumnName = Annotated[str, Field(min_length=1)]
Format = Annotated[str, KindName(FORMATS, lambda entry: bool(entry.read), further=("auto",))]


def _texts(value: object) -> Iterator[str]:
    """Yield the texts in nested lists and maps."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(inner)


def _suffixes() -> str:
    """Return the suffixes of each format that files are read in without known content."""
    return "; ".join(f"{' '.join(suffixes)}: {name}" for name, suffixes in formats_by_suffix().items())


class ColumnsConfig(Section):
    """The columns of words and tags: numbers in files without column names, else names."""

    words: Column | ColumnName | None = Field(
        default=None,
        description="Column of the words: 1 is the first, -1 the last; in files with column names a name. Default: by the values in CoNLL (the first column that holds neither numbers nor tags); 2 (FORM) in CoNLL-U; word or token; tokens or words.",
    )
    tags: Column | ColumnName | None = Field(
        default=None,
        description="Column of the tags: a number as for `words`, `upos` (4), `xpos` (5) or `misc.KEY` (e.g. misc.NER) in CoNLL-U, or a name. Default: by the values in CoNLL (the column of few different values with O, or else the last one); upos in CoNLL-U; tag, ner_tag or label; tags or ner_tags.",
    )

    sentences: Column | ColumnName | None = Field(
        default=None,
        description="Column of the sentences' names in CSV files. Default: sentence_id, sent_id, sentence or sentence #.",
    )

    @model_validator(mode="after")
    def _no_column_zero(self) -> ColumnsConfig:
        if 0 in (self.words, self.tags, self.sentences):
            raise Invalid("found column 0", expected="columns counted from 1, or from the end: -1 is the last")
        return self


class SourceConfig(Section):
    """Raw text with a sampling weight."""

    path: Paths = Field(description="A file, a glob, or a list of them.")
    weight: float = Field(
        default=1.0,
        gt=0.0,
        le=1000.0,
        description="How often its sentences are sampled, relative to a source of weight 1: 2 is twice as often.",
    )


class DataConfig(Section):
    """The files of a run. A path may be a glob or a list of paths and globs, relative to the working directory; a URL (s3://, gs://, https://, hf://, ...; also globs, where the server lists files); hub:OWNER/NAME:SPLIT for a split of a data set on the Hub (also hub:OWNER/NAME@REVISION/CONFIGURATION:SPLIT); or - for standard input."""

    train: Paths | None = Field(default=None, description="Gold training sentences.")
    dev: Paths | None = Field(
        default=None,
        description="Gold sentences that select the best step. Default: 10 % of train (at least 100 but at most a third, at most 2,000 sentences), chosen by a hash of the sentence.",
    )
    test: Paths | None = Field(default=None, description="Gold sentences for the final scores. Default: none.")
    unlabeled: Annotated[str | list[str | SourceConfig], Field(min_length=1)] | None = Field(
        default=None,
        description="Raw text for the teacher to label, a sentence or a paragraph per line (of .parquet, .arrow, .jsonl, .json and .csv files the column text, else tokens). Without a teacher, it only counts for the student's vocabulary. A list may hold maps of path and weight.",
    )
    format: Format = Field(
        default="auto", description=f"Format of the gold files. auto: by content, else by suffix ({_suffixes()})."
    )
    columns: ColumnsConfig = Field(
        default=ColumnsConfig(),
        description="Columns of the words and tags in CoNLL, CoNLL-U, CSV, Parquet and Arrow files.",
    )
    scheme: Literal["auto", "iob1", "iob2", "iobes", "bilou", "plain"] = Field(
        default="auto",
        description="Tag scheme of the gold tags: iob1, iob2, iobes or bilou (entities), or plain (part of speech and the like). auto: detected from the tags of each file.",
    )
    strict: bool = Field(
        default=False,
        description="true: refuse files with any fault, and list all faults. false: repair what has one sensible reading, skip the sentences of other faults, and report both.",
    )
    max_faulty: float = Field(
        default=0.02,
        ge=0.0,
        le=1.0,
        description="The largest share of sentences that may be skipped because of faults; a hundred sentences always may.",
    )
    align: Align = Field(
        default="expand",
        description="Labeled spans of characters that cut a word. expand: the entity has the whole word. contract: it has the words that are whole. split: the word is cut there. skip: it is left out. strict: it is a fault.",
    )
    entity_type: ColumnName = Field(
        default="ENTITY", description="Entity type of tags that have none: B, I and O without a type."
    )
    tag_names: list[str] | dict[str, str] | None = Field(
        default=None,
        min_length=1,
        description="Names of tags or labels that the gold files have as numbers: a list (the first is the name of 0), or a map of numbers and names.",
    )
    unknown_as: Literal["O"] | None = Field(
        default=None,
        description="O: in sentences that are annotated only in part, words without a mark are outside of entities. Default: they may have any label that was not looked for.",
    )
    segmenter: ColumnName | None = Field(
        default=None,
        description="Word segmenter of an installed package, for scripts without spaces. Default: the word splitter.",
    )
    labels: list[str] | None = Field(
        default=None,
        min_length=2,
        description="The labels in the order of the logit columns. Default: those of the teacher, or those of train. Needed for a classifier whose labels are LABEL_0, LABEL_1, ...",
    )
    label_map: dict[str, str] | None = Field(
        default=None,
        min_length=1,
        description="Maps the teacher's entity types (PER: person) or labels (B-PER: B-person) to those of the data, where they differ; O: no entity. Default: the same names.",
    )
    teacher_scheme: Literal["auto", "iob1", "iob2", "iobes", "bilou", "plain"] = Field(
        default="auto",
        description="Tag scheme of the teacher's labels. auto: as recorded in the folder of a teacher that was trained here; else detected from the names of the labels. Names that fit both IOB1 and IOB2 are decided by the teacher's predictions for 300 sentences of dev, train or unlabeled; if these do not decide it, the student's predictions are not constrained to the scheme.",
    )
    pretokenized: bool = Field(
        default=False,
        description="true: the words of `unlabeled` are already separated by spaces, and the word splitter is not used.",
    )
    min_words: int = Field(
        default=4, ge=1, description="Raw lines with fewer words are left out; their number is logged."
    )
    max_words: int = Field(
        default=80,
        ge=8,
        description="Raw lines with more words are cut after the end of a sentence, or at this many words.",
    )

    @model_validator(mode="before")
    @classmethod
    def _hide_credentials(cls, values: Any) -> Any:  # noqa: ANN401
        """Remove the credentials of URLs, which are kept for reading in this process alone."""
        given = {text for key in SPLITS for text in _texts(values.get(key))} if isinstance(values, dict) else set()
        shown = [hide_credentials(text) for text in given]
        if twice := sorted({text for text in shown if shown.count(text) > 1}):
            raise Invalid(
                f"found URLs that differ only in their credentials: {twice[0]}",
                hint="give each file a URL of its own, and the credentials by environment variables",
            )
        return hide_all_credentials(values)

    @model_validator(mode="after")
    def _segmenter_is_installed(self) -> DataConfig:
        if self.segmenter is None:
            return self
        if self.pretokenized:
            raise Invalid("found both segmenter and pretokenized", expected="one of them", hint="remove the other one")
        if self.segmenter not in (names := segmenter_names()):
            known = ", ".join(names) or "those of installed packages"
            raise Invalid(
                f"found the word segmenter {self.segmenter!r}", key="data.segmenter", expected=f"one of {known}"
            )
        return self

    @property
    def sources(self) -> list[SourceConfig]:
        """Return the sources of raw text with their weights; a sentence in several of them belongs to the first."""
        entries = [self.unlabeled] if isinstance(self.unlabeled, str) else self.unlabeled or []
        return [SourceConfig(path=entry) if isinstance(entry, str) else entry for entry in entries]

    def paths_of(self, split: Split) -> list[str]:
        """Return the paths and globs of a split; none if it is not given."""
        if split == "unlabeled":
            paths = [source.path for source in self.sources]
        else:
            paths = [given] if (given := getattr(self, split)) is not None else []
        return [entry for path in paths for entry in ([path] if isinstance(path, str) else path)]
