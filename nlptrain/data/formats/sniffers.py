"""Sniffers of the column formats, tables and rows: whether the beginning of a file looks like the format."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from nlptrain.data.formats.head import Head
from nlptrain.data.tag_spellings import is_part_of_speech

# The tags of entities in all usual spellings; `*` are the brackets of CoNLL-2005 and 2012.
_ENTITY_TAG = re.compile(
    r"[BIESLUMW][-_:][\w./&+-]+|[\w./&+-]+[-_:][BIESLUMW]|\(?[\w.-]*\*\)*|[BIESLUMW]", re.IGNORECASE
)
_PLAIN_TAG = re.compile(r"-?[A-Z][A-Z0-9]*([-+|.][A-Z0-9]+)*-?\$?|[.,:;()#$`'\"]{1,2}|_")
_MIN_PLAIN, _MAX_SHARE = 12, 0.4  # words that plain tags are recognized from, and distinct tags per word at most
_MIN_DISTINCT = 3  # plain tags
_MIN_EVEN = 0.9  # of the lines have the usual number of columns
_UPOS = set("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split())
_MAX_DIGITS = 10  # of an id
_ID = re.compile(r"\d+([-.]\d+)?")
_BRAT = re.compile(r"T\d+\t\S+ \d+ \d+(;\d+ \d+)*\t|[REAMN#*]\d*\t")
_WORDS = {"word", "words", "token", "tokens", "form", "text", "sentence_words"}
_TAGS = {"tag", "tags", "label", "labels", "ner", "pos", "upos", "xpos", "ner_tag", "ner_tags", "pos_tag", "pos_tags"}
_SENTENCES = {"sentence_id", "sent_id", "sentence", "sentence #", "sentence_idx", "sentence_number", "sentence_no"}
_SEPARATORS = ",;\t|"
_MAX_NAME = 30  # characters of a column's name


def is_jsonl(head: Head) -> bool:
    """Return whether the file has a JSON object on each line."""
    return head.container == "lines"


def is_json(head: Head) -> bool:
    """Return whether the file is a JSON list of objects, or an object that has them."""
    return head.container in ("list", "object")


def is_parquet(head: Head) -> bool:
    """Return whether the file begins as Parquet files do."""
    return head.data.startswith(b"PAR1")


def is_arrow(head: Head) -> bool:
    """Return whether the file begins as an Arrow file, a stream of messages, or a Feather file."""
    return head.data.startswith((b"ARROW1", b"FEA1")) or (
        head.data.startswith(b"\xff\xff\xff\xff") and b"\0" in head.data[:8]
    )


def is_brat(head: Head) -> bool:
    """Return whether each line is an annotation of BRAT, at least one of them of a span."""
    lines = _filled(head)
    return any(line.startswith("T") for line in lines) and all(map(_BRAT.match, lines))


def is_conllu(head: Head) -> bool:
    """Return whether the lines have the ten columns of CoNLL-U, and the last one is not one of entity tags."""
    rows = [line.split("\t") for line in _filled(head) if not line.startswith("#")]
    if not rows or not all(len(row) == 10 and _ID.fullmatch(row[0]) for row in rows):
        return False
    ids = [int(row[0]) for row in rows if row[0].isdecimal() and len(row[0]) < _MAX_DIGITS]
    are_heads = all(row[6] == "_" or row[6].lstrip("-").isdigit() for row in rows)
    return (
        are_heads
        and ids[:1] == [1]
        and all(b in (a + 1, 1) for a, b in pairwise(ids))
        and not _are_entity_tags([row[9] for row in rows])
    )


def is_conll(head: Head) -> bool:
    """Return whether the lines have columns, one of words and one of tags."""
    if head.container or not head.text or is_csv(head):
        return False
    for separator in ("\t", None):
        rows = [line.rstrip().split(separator) for line in head.lines if line.strip() and not _is_comment(line)]
        if separator and 2 * sum(len(row) > 1 for row in rows) < len(rows):
            continue
        return _has_tags(rows)
    return False


def is_running_text(head: Head) -> bool:
    """Return whether lines that may be columns separated by spaces have no tags of entities or parts of speech."""
    if any("\t" in line for line in head.lines):
        return False
    rows = [line.split() for line in head.lines if line.strip()]
    columns = [[row[index] for row in rows if len(row) > index] for index in range(max(map(len, rows), default=0))]
    return not any(_are_entity_tags(column) or is_part_of_speech(Counter(column)) for column in columns)


def is_csv(head: Head) -> bool:
    """Return whether the file has a header with names of words and tags, or of texts, and rows of as many cells."""
    if head.container or not (lines := [line for line in head.lines if line.strip()]):
        return False
    if re.fullmatch(r"sep=.", lines[0].strip().lower()):
        return True
    separator = max(_SEPARATORS, key=lines[0].count)
    names = [name.strip().lower() for name in _cells(lines[0], separator)]
    if len(names) < 2 or len(lines) < 2 or any(len(name) > _MAX_NAME for name in names):
        return False
    if not _WORDS & set(names) or not (_TAGS | _SENTENCES) & set(names):
        return False
    # Columns with a header whose sentences end at blank lines are CoNLL.
    if separator == "\t" and not _SENTENCES & set(names) and any(not line.strip() for line in head.lines[:-1]):
        return False
    widths = [len(_cells(line, separator)) for line in lines[:-1] if line.count('"') % 2 == 0]
    return 2 * widths.count(len(names)) > len(widths)


def _filled(head: Head) -> list[str]:
    return [line for line in head.lines if line.strip()]


def _cells(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _is_comment(line: str) -> bool:
    return line.startswith(("# ", "-DOCSTART-", "#\t")) and not line.rstrip().endswith((" O", "\tO"))


def _has_tags(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether one column of ``rows`` has words, and another one tags."""
    widths = [len(row) for row in rows]
    width = max(set(widths), key=widths.count, default=0)
    even = [row for row in rows if len(row) == width]
    if width < 2 or len(even) < _MIN_EVEN * len(rows):
        return False
    columns = [list(column) for column in zip(*even, strict=True)]
    entity_columns = [index for index, column in enumerate(columns) if _are_entity_tags(column)]
    if entity_columns[:1] == [0] and not any(len(tag) > 1 and _ENTITY_TAG.fullmatch(tag) for tag in columns[0]):
        del entity_columns[0]  # lines that begin with the word O
    plain_columns = [index for index, column in enumerate(columns) if _are_plain_tags(column)]
    are_words = [sum(" " in word for word in column) <= 0.1 * len(column) for column in columns]
    has_header = _WORDS & {cell.strip().lower() for cell in rows[0]} and len(rows) > 1
    if has_header:
        return _has_tags(rows[1:]) or bool(_TAGS & {cell.strip().lower() for cell in rows[0]})
    candidates = entity_columns or plain_columns
    return any(are_words[index] for index in range(width) if candidates and index not in candidates)


def _are_entity_tags(values: Sequence[str]) -> bool:
    """Return whether the values are tags of entities, or types without a prefix where ``O`` dominates."""
    counts = Counter(values)
    outside = counts["O"] + counts["o"] + counts["*"]
    tagged = [value for value in values if _ENTITY_TAG.fullmatch(value) and value != "*"]
    prefixed = [value for value in tagged if len(value) > 1]
    if len(tagged) + outside >= _MIN_EVEN * len(values):
        return len(values) > 1 and (outside > 0 or len(prefixed) > 0.5 * len(values))
    return 2 * outside > len(values) and len(counts) <= max(2, _MAX_SHARE * len(values))


def _are_plain_tags(values: Sequence[str]) -> bool:
    """Return whether the values are a closed set of symbols, as parts of speech are."""
    if _UPOS.issuperset(values):
        return len(values) > 1
    symbols = sum(1 for value in values if _PLAIN_TAG.fullmatch(value))
    is_closed = _MIN_DISTINCT <= len(set(values)) <= _MAX_SHARE * len(values)
    return len(values) >= _MIN_PLAIN and is_closed and symbols >= _MIN_EVEN * len(values)
