"""Gold sentences to a file of any format that is read."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nlptrain.atomic_files import write_errors
from nlptrain.data.marked_text import MarkedText, marked_text
from nlptrain.data.sentence import Sentence
from nlptrain.data.targets import Target
from nlptrain.data.text_files import is_gz
from nlptrain.errors import InputError
from nlptrain.schemes import Scheme

_ROWS = 8192  # of a group of Parquet's and a batch of Arrow's: a file of many small ones is larger, and slow to open
_IDS, _TEXTS, _WORDS = "ids", "texts (and with them the words' offsets)", "where words begin and end"


@dataclass
class Written:
    """What becomes of sentences in a file.

    Attributes:
        scheme: what their tags are written in.
        comments: of CoNLL: ids and texts are written as ``# id = ...`` and ``# text = ...``.
        pretokenized: of BRAT: texts are the words, parted by blanks.
        ids: whether any sentence has an id.
        texts: whether any has a text.
        lost: of how many sentences something has no place in the format.
    """

    scheme: Scheme
    comments: bool = False
    pretokenized: bool = False
    ids: bool = True
    texts: bool = True
    lost: Counter[str] = field(default_factory=Counter)

    def note(self, sentence: Sentence, *, ids: bool = True, texts: bool = True) -> None:
        """Count what a format without ``ids`` or ``texts`` cannot hold of ``sentence``."""
        if not ids and sentence.id is not None:
            self.lost[_IDS] += 1
        if not texts and sentence.text is not None:
            self.lost[_TEXTS] += 1


def written(path: Path, target: Target) -> list[Path]:
    """The files that ``write_gold`` writes for ``path``."""
    return [path, path.with_suffix(".txt")] if target == "brat" else [path]


def write_gold(sentences: Iterable[Sentence], path: Path, target: Target, told: Written) -> None:
    """Write ``sentences`` to ``path``; nothing is left there if one cannot be written.

    Args:
        sentences: with tags in ``told.scheme``; read once, a few at a time.
        path: the file; of text, packed where its name ends in ``.gz``.
        target: the format.
        told: says how, and counts what the format cannot hold.

    Raises:
        InputError: a word or a tag cannot be written in this format.
    """
    path = path.resolve()  # a link stays one
    parts = {path: path.with_name(f"{path.name}.part")}
    beside = path.with_suffix(".txt")
    if target == "brat":
        parts[beside] = beside.with_name(f"{beside.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with write_errors(path):
            if target == "brat":
                _write_brat(sentences, parts[path], parts[beside], told)
            elif target in ("parquet", "arrow"):
                _write_table(sentences, parts[path], target, told)
            else:
                _write_lines(_LINES[target](sentences, told), parts[path], packed=is_gz(path))
            for final, part in parts.items():
                part.replace(final)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _write_lines(lines: Iterable[str], path: Path, *, packed: bool) -> None:
    # mtime 0: the same sentences are the same bytes
    with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if packed else raw as file:
        for line in lines:
            file.write(line.encode("utf-8"))


def _conll(sentences: Iterable[Sentence], told: Written) -> Iterator[str]:
    for sentence in sentences:
        if told.comments:
            yield from _comments(sentence, told, "id")
        else:
            told.note(sentence, ids=False, texts=False)
        for word, tag in _tagged(sentence, "\t\n\r"):
            if word.strip(" ") != word or word.startswith("-DOCSTART-"):
                raise InputError(f"{sentence.where}: the word {word!r} cannot stand in a column of CoNLL")
            yield f"{word}\t{tag}\n"
        yield "\n"


def _conllu(sentences: Iterable[Sentence], told: Written) -> Iterator[str]:
    for sentence in sentences:
        yield from _comments(sentence, told, "sent_id")
        places = sentence.places
        for number, (word, tag) in enumerate(_tagged(sentence, "\t\n\r"), start=1):
            joined = 0 < number < len(places) and places[number - 1][1] == places[number][0]
            space = "SpaceAfter=No" if joined else "_"
            yield "\t".join([str(number), word, "_", tag, "_", "_", "_", "_", "_", f"{space}\n"])
        yield "\n"


def _comments(sentence: Sentence, told: Written, name: str) -> Iterator[str]:
    """The id, called ``name``, and the text of a sentence, where each is one line."""
    for key, value in ((name, sentence.id), ("text", sentence.text)):
        if value is not None and (len(value.splitlines()) > 1 or "\t" in value):
            told.lost[_TEXTS if key == "text" else _IDS] += 1
        elif value is not None:
            yield f"# {key} = {value}\n"


def _csv(sentences: Iterable[Sentence], told: Written) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")

    def row(*cells: str) -> str:
        line.seek(0)
        line.truncate()
        writer.writerow(cells)
        return line.getvalue()

    yield row("sentence_id", "word", "tag")
    seen: set[str] = set()
    for number, sentence in enumerate(sentences, start=1):
        told.note(sentence, texts=False)
        name = str(number) if sentence.id is None else sentence.id
        if name in seen or not name:
            raise InputError(
                f"{sentence.where}: the id {name!r} stands there twice or is empty; CSV parts sentences by it"
            )
        seen.add(name)
        for word, tag in _tagged(sentence, "\n\r"):
            yield row(name, word, tag)


def _jsonl(sentences: Iterable[Sentence], told: Written) -> Iterator[str]:
    del told
    for sentence in sentences:
        shown: dict[str, Any] = {"id": sentence.id, "text": sentence.text}
        shown = {name: value for name, value in shown.items() if value is not None}
        yield _json({**shown, "tokens": sentence.words, "tags": sentence.tags})


def _marked_lines(shape: Callable[[MarkedText], dict[str, Any]]) -> Callable[..., Iterator[str]]:
    def lines(sentences: Iterable[Sentence], told: Written) -> Iterator[str]:
        for sentence in sentences:
            yield _json(shape(marked_text(sentence, told.scheme)))

    return lines


def _entities(marked: MarkedText) -> dict[str, Any]:
    marks = [{"start": mark.start, "end": mark.end, "label": mark.label} for mark in marked.marks]
    return {**_named(marked), "text": marked.text, "entities": marks, "tokens": marked.places}


def _prodigy(marked: MarkedText) -> dict[str, Any]:
    text, places = marked.text, marked.places or ()
    first = {start: number for number, (start, _) in enumerate(places)}
    last = {end: number for number, (_, end) in enumerate(places)}
    tokens = [
        {"text": text[start:end], "start": start, "end": end, "id": number, "ws": text[end : end + 1].isspace()}
        for number, (start, end) in enumerate(places)
    ]
    spans = [
        {
            "start": mark.start,
            "end": mark.end,
            "token_start": first[mark.start],
            "token_end": last[mark.end],
            "label": mark.label,
        }
        for mark in marked.marks
    ]
    return {**_named(marked), "text": marked.text, "tokens": tokens, "spans": spans, "answer": "accept"}


def _doccano(marked: MarkedText) -> dict[str, Any]:
    marks = [[mark.start, mark.end, mark.label] for mark in marked.marks]
    return {**_named(marked), "text": marked.text, "label": marks, "tokens": marked.places}


def _labelstudio(sentences: Iterable[Sentence], told: Written) -> Iterator[str]:
    """Tasks with one annotation each, as a list."""
    before = "[\n"
    for sentence in sentences:
        marked = marked_text(sentence, told.scheme)
        result = [
            {
                "value": {
                    "start": mark.start,
                    "end": mark.end,
                    "text": marked.text[mark.start : mark.end],
                    "labels": [mark.label],
                },
                "from_name": "label",
                "to_name": "text",
                "type": "labels",
            }
            for mark in marked.marks
        ]
        data = {"text": marked.text, "tokens": marked.places}
        yield before + _json({**_named(marked), "data": data, "annotations": [{"result": result}]}).rstrip("\n")
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


_LINES: dict[str, Callable[[Iterable[Sentence], Written], Iterator[str]]] = {
    "conll": _conll,
    "conllu": _conllu,
    "csv": _csv,
    "jsonl": _jsonl,
    "entities": _marked_lines(_entities),
    "prodigy": _marked_lines(_prodigy),
    "doccano": _marked_lines(_doccano),
    "labelstudio": _labelstudio,
}


def _write_brat(sentences: Iterable[Sentence], marks: Path, texts: Path, told: Written) -> None:
    """A line for each sentence, and its marks: of words that white space does not part, their limits are lost."""
    start = number = 0
    with (
        marks.open("w", encoding="utf-8", newline="") as annotations,
        texts.open("w", encoding="utf-8", newline="") as text,
    ):
        for sentence in sentences:
            several = sentence.text is not None and len(sentence.text.splitlines()) > 1  # a line is a sentence
            told.note(sentence, ids=False, texts=not (told.pretokenized or several))
            if told.pretokenized or several:
                sentence = replace(sentence, text=None)  # noqa: PLW2901
            marked = marked_text(sentence, told.scheme)
            line = marked.text
            if line.split() != list(sentence.words):
                told.lost[_WORDS] += 1
            for mark in marked.marks:
                number += 1
                where = f"{mark.label} {start + mark.start} {start + mark.end}"
                annotations.write(f"T{number}\t{where}\t{line[mark.start : mark.end]}\n")
            text.write(f"{line}\n")
            start += len(line) + 1


def _write_table(sentences: Iterable[Sentence], path: Path, target: str, told: Written) -> None:
    strings = pa.list_(pa.string())
    fields = [pa.field("tokens", strings), pa.field("tags", strings)]
    fields += [pa.field(name, pa.string()) for name, there in (("id", told.ids), ("text", told.texts)) if there]
    schema = pa.schema(fields)
    opened = pq.ParquetWriter if target == "parquet" else pa.ipc.new_file
    rest = iter(sentences)
    with opened(str(path), schema) as writer:
        while some := list(islice(rest, _ROWS)):
            columns = {
                "tokens": [list(one.words) for one in some],
                "tags": [list(one.tags or ()) for one in some],
                "id": [one.id for one in some],
                "text": [one.text for one in some],
            }
            writer.write_batch(
                pa.record_batch([pa.array(columns[one.name], one.type) for one in schema], schema=schema)
            )


def _tagged(sentence: Sentence, forbidden: str) -> Iterator[tuple[str, str]]:
    """The words with their tags; what ``forbidden`` names must not stand in either."""
    for word, tag in zip(sentence.words, sentence.tags or (), strict=True):
        for value in (word, tag):
            if any(letter in value for letter in forbidden):
                raise InputError(
                    f"{sentence.where}: {value!r} holds a tab or a line break, which this format cannot hold"
                )
        yield word, tag


def _named(marked: MarkedText) -> dict[str, Any]:
    return {} if marked.id is None else {"id": marked.id}


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
