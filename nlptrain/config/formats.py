"""The registry of file formats: their suffixes, and the paths of their readers and writers."""

from __future__ import annotations

from dataclasses import dataclass

from nlptrain.config.registry import Entry, Registry


@dataclass(frozen=True)
class FormatEntry(Entry):
    """A file format.

    Without a path ("") the format has no such function. The types of the functions are in ``nlptrain.data.formats``.

    Attributes:
        suffixes: of its files, e.g. ``.conll``; the first one is that of new files.
        read: a ``ReadFormat``: yields the tagged sentences of a file.
        ignored: an ``IgnoredColumns``: returns the names of what ``read`` ignores in a file.
        rows: a ``ReadRows``: yields the rows of a file of raw text; "": its lines are raw text.
        lines: a ``FormatLines``: yields the lines of a new text file, which may be compressed.
        write: a ``WriteFormat``, instead of ``lines``: writes new files.
        files: a ``FilesOf``: returns the files that belong to a path; "": the path alone.
        gold_suffixes: those of ``suffixes`` whose files hold tags, even if their content is not recognized.
        description: what a file looks like, for the documentation.
        columns: of words and tags that are read without ``data.columns``, for the documentation.
        sniff: a ``Sniff``: returns whether the beginning of a file looks like this format; "": the suffix decides.
        is_general: whether formats that are not general come first where both match: any JSON Lines are ``jsonl``.
    """

    suffixes: tuple[str, ...]
    read: str = ""
    ignored: str = ""
    rows: str = ""
    lines: str = ""
    write: str = ""
    files: str = ""
    gold_suffixes: tuple[str, ...] = ()
    description: str = ""
    columns: str = ""
    sniff: str = ""
    is_general: bool = False

    def __post_init__(self) -> None:
        """Check the suffixes.

        Raises:
            ValueError: one does not begin with a dot, or is not in lower case.
        """
        for suffix in (*self.suffixes, *self.gold_suffixes):
            if not suffix.startswith(".") or suffix != suffix.lower():
                raise ValueError(f"the suffix {suffix!r} must begin with a dot and be in lower case")

    @property
    def is_writable(self) -> bool:
        """Whether sentences can be written in this format."""
        return bool(self.lines or self.write)


_FORMATS = "nlptrain.data.formats"
_ROWS_OF_TEXT = f"{_FORMATS}.annotation_writers"
_GOLD = (".conll", ".bio", ".iob", ".iob2")
_ARROW = f"{_FORMATS}.arrow"
_JSON_ROWS = f"{_FORMATS}.json_rows:read_raw_rows"
_SNIFFERS = f"{_FORMATS}.sniffers"
_TABLE = "a row per sentence, lists of words and tags; numbers with the class names that `datasets` stores"
_TABLE_COLUMNS = "`tokens` or `words`; `tags` or `ner_tags`"
# If two formats share a suffix, files are written as the first one. Rows of annotation tools are recognized by their
# keys, so that one reader is enough for them.
FORMATS = Registry(
    "file format",
    "data.format",
    "nlptrain.formats",
    FormatEntry,
    {
        "conll": FormatEntry(
            (".conll", ".tsv", ".bio", ".iob", ".iob2", ".txt"),
            read=f"{_FORMATS}.conll:read_conll",
            ignored=f"{_FORMATS}.conll:ignored_columns",
            lines=f"{_FORMATS}.conll:conll_lines",
            gold_suffixes=_GOLD,
            description="a word and its tag per line, a blank line between sentences; tabs or spaces",
            columns="by the values: the first column of words, the column of tags",
            sniff=f"{_SNIFFERS}:is_conll",
            is_general=True,
        ),
        "conllu": FormatEntry(
            (".conllu",),
            read=f"{_FORMATS}.conllu:read_conllu",
            ignored=f"{_FORMATS}.conllu:ignored_columns",
            lines=f"{_FORMATS}.conllu:conllu_lines",
            gold_suffixes=(".conllu",),
            description="ten columns separated by tabs, the first one a number",
            columns="FORM; UPOS",
            sniff=f"{_SNIFFERS}:is_conllu",
        ),
        "csv": FormatEntry(
            (".csv",),
            read=f"{_FORMATS}.csv:read_csv",
            ignored=f"{_FORMATS}.csv:ignored_columns",
            rows=f"{_FORMATS}.csv:read_csv_rows",
            lines=f"{_FORMATS}.csv:csv_lines",
            description="a row per word, with a header",
            columns="`word` or `token`; `tag`, `ner_tag` or `label`; `sentence_id`, `sent_id`, `sentence` or `sentence #`",
            sniff=f"{_SNIFFERS}:is_csv",
            is_general=True,
        ),
        "jsonl": FormatEntry(
            (".jsonl", ".ndjson"),
            read=f"{_FORMATS}.jsonl:read_jsonl",
            ignored=f"{_FORMATS}.jsonl:ignored_keys",
            rows=_JSON_ROWS,
            lines=f"{_FORMATS}.jsonl:jsonl_lines",
            description="an object per line: `tokens` and `tags`, or `text` and `entities`; exports of Prodigy and doccano",
            sniff=f"{_SNIFFERS}:is_jsonl",
            is_general=True,
        ),
        "entities": FormatEntry(
            (".jsonl",),
            lines=f"{_ROWS_OF_TEXT}:entities_lines",
            description="an object per line: `text` and `entities`",
        ),
        "prodigy": FormatEntry(
            (".jsonl",),
            read=f"{_FORMATS}.prodigy:read_prodigy",
            ignored=f"{_FORMATS}.prodigy:ignored_prodigy_keys",
            rows=_JSON_ROWS,
            lines=f"{_ROWS_OF_TEXT}:prodigy_lines",
            description="an object per line, as Prodigy imports and exports it, binary decisions too",
            sniff=f"{_FORMATS}.prodigy:is_prodigy",
        ),
        "doccano": FormatEntry(
            (".jsonl",), lines=f"{_ROWS_OF_TEXT}:doccano_lines", description="an object per line, as doccano imports it"
        ),
        "json": FormatEntry(
            (".json",),
            read=f"{_FORMATS}.jsonl:read_jsonl",
            ignored=f"{_FORMATS}.jsonl:ignored_keys",
            rows=_JSON_ROWS,
            description="a list of such objects as `jsonl` has; exports of Label Studio",
            sniff=f"{_SNIFFERS}:is_json",
            is_general=True,
        ),
        "labelstudio": FormatEntry(
            (".json",),
            read=f"{_FORMATS}.label_studio_exports:read_label_studio",
            ignored=f"{_FORMATS}.label_studio_exports:ignored_label_studio_keys",
            rows=_JSON_ROWS,
            lines=f"{_ROWS_OF_TEXT}:labelstudio_lines",
            description="a list of tasks of Label Studio; also its exports as JSON-MIN and CSV",
            sniff=f"{_FORMATS}.label_studio_exports:is_label_studio",
        ),
        "brat": FormatEntry(
            (".ann",),
            read=f"{_FORMATS}.brat:read_brat",
            ignored=f"{_FORMATS}.brat:ignored_annotations",
            write=f"{_FORMATS}.brat:write_brat",
            files=f"{_FORMATS}.brat:files_of",
            gold_suffixes=(".ann",),
            description="annotations of a `.txt` of the same name, a sentence per line",
            sniff=f"{_SNIFFERS}:is_brat",
        ),
        "parquet": FormatEntry(
            (".parquet", ".pq"),
            read=f"{_ARROW}:read_parquet",
            ignored=f"{_ARROW}:ignored_parquet_columns",
            rows=f"{_ARROW}:read_parquet_rows",
            write=f"{_ARROW}:write_parquet",
            description=_TABLE,
            columns=_TABLE_COLUMNS,
            sniff=f"{_SNIFFERS}:is_parquet",
        ),
        "arrow": FormatEntry(
            (".arrow", ".feather"),
            read=f"{_ARROW}:read_arrow",
            ignored=f"{_ARROW}:ignored_arrow_columns",
            rows=f"{_ARROW}:read_arrow_rows",
            write=f"{_ARROW}:write_arrow",
            description=_TABLE,
            columns=_TABLE_COLUMNS,
            sniff=f"{_SNIFFERS}:is_arrow",
        ),
        "wide-csv": FormatEntry(
            (".csv", ".tsv"),
            read=f"{_FORMATS}.wide_csv:read_wide_csv",
            ignored=f"{_FORMATS}.wide_csv:ignored_wide_columns",
            rows=f"{_FORMATS}.csv:read_csv_rows",
            description="a row per sentence, with a header: lists of words and tags, or both separated by spaces or commas",
            columns="`tokens`, `words`, `sentence` or `text`; `ner_tags`, `word_labels`, `tags` or `labels`",
            sniff=f"{_FORMATS}.wide_csv:is_wide_csv",
        ),
        "gliner": FormatEntry(
            (".json", ".jsonl"),
            read=f"{_FORMATS}.gliner:read_gliner",
            ignored=f"{_FORMATS}.gliner:ignored_gliner_keys",
            lines=f"{_FORMATS}.gliner:gliner_lines",
            description="GLiNER's training data, a JSON list: `tokenized_text`, and `ner` with spans of words",
            sniff=f"{_FORMATS}.gliner:is_gliner",
        ),
        "pipeline": FormatEntry(
            (".jsonl", ".json"),
            read=f"{_FORMATS}.pipeline_output:read_pipeline_output",
            ignored=f"{_FORMATS}.pipeline_output:ignored_output_keys",
            rows=_JSON_ROWS,
            description="output of the pipeline of transformers with the texts: `text`, and `entities` with `entity_group` or `entity`",
            sniff=f"{_FORMATS}.pipeline_output:is_pipeline_output",
        ),
        "langextract": FormatEntry(
            (".jsonl", ".json"),
            read=f"{_FORMATS}.langextract:read_langextract",
            ignored=f"{_FORMATS}.langextract:ignored_document_keys",
            rows=_JSON_ROWS,
            description="documents of LangExtract: `text` and `extractions`",
            sniff=f"{_FORMATS}.langextract:is_langextract",
        ),
        "spacy": FormatEntry(
            (".spacy",),
            read=f"{_FORMATS}.spacy_docs:read_spacy",
            write=f"{_FORMATS}.spacy_docs:write_spacy",
            gold_suffixes=(".spacy",),
            description="training data of spaCy, a `DocBin` (`pip install 'nlptrain[spacy]'`)",
            columns="the words; the entities, or with `upos` or `xpos` the parts of speech",
            sniff=f"{_FORMATS}.spacy_docs:is_spacy",
        ),
        "chat": FormatEntry(
            (".jsonl", ".json"),
            read=f"{_FORMATS}.chat:read_chat",
            ignored=f"{_FORMATS}.chat:ignored_chat_keys",
            description="chat records whose responses are JSON: `messages`, `conversations`, `prompt` and `completion`, or `instruction` and `output`",
            sniff=f"{_FORMATS}.chat:is_chat",
        ),
        "privacy-mask": FormatEntry(
            (".jsonl", ".json"),
            read=f"{_FORMATS}.privacy_mask:read_privacy_mask",
            ignored=f"{_FORMATS}.privacy_mask:ignored_mask_keys",
            description="data sets of ai4privacy: `source_text` and `privacy_mask`",
            sniff=f"{_FORMATS}.privacy_mask:is_privacy_mask",
        ),
    },
)


def formats_by_suffix() -> dict[str, list[str]]:
    """Return the formats that can be read with their suffixes, each suffix with the first format that has it."""
    owners: dict[str, str] = {}
    for name, entry in FORMATS.items():
        owners |= {suffix: name for suffix in entry.suffixes if entry.read and suffix not in owners}
    return {name: [suffix for suffix in owners if owners[suffix] == name] for name in dict.fromkeys(owners.values())}


def readable_formats() -> list[str]:
    """Return the formats of gold files that can be read."""
    return [name for name, entry in FORMATS.items() if entry.read]


def writable_formats() -> list[str]:
    """Return the formats that can be written."""
    return [name for name, entry in FORMATS.items() if entry.is_writable]
