"""Rows whose keys and values differ in detail from those that are usual; the text is invented."""

from __future__ import annotations

import gzip
import json

from tests.helpers.real_files import RealFile

_TEXT = "Ada Okoro went to Paris ."
_READ = ("Ada/B-PER Okoro/I-PER went/O to/O Paris/B-LOC ./O",)
_ADA, _PARIS = {"start": 0, "end": 9}, {"start": 18, "end": 23}


def _row(**values: object) -> str:
    return json.dumps(values) + "\n"


def _entities(entities: object) -> str:
    return _row(text=_TEXT, entities=entities)


def _json(name: str, source: str, entities: object, **more: object) -> RealFile:
    """Return a file with a row that has ``entities``."""
    return RealFile(f"{name}.jsonl", source, _entities(entities), _READ, **more)  # type: ignore


ROW_VARIANTS = (
    _json("ids", "A map of ids to entities", {"T1": {**_ADA, "label": "PER"}, "T2": {**_PARIS, "label": "LOC"}}),
    _json(
        "ids_and_texts",
        "A map of ids to mentions",
        {"e1": {"text": "Ada Okoro", "type": "PER"}, "e2": {"text": "Paris", "type": "LOC"}},
    ),
    _json("mentions", "A map of mentions to their types", {"Ada Okoro": {"type": "PER"}, "Paris": {"type": "LOC"}}),
    _json(
        "lists",
        "Columns, as datasets stores a list of objects",
        {"name": ["Ada Okoro", "Paris"], "type": ["PER", "LOC"]},
    ),
    _json(
        "lists_of_offsets",
        "As above, with offsets",
        {"start": [0, 18], "end": [9, 23], "type": ["PER", "LOC"], "text": ["Ada Okoro", "Paris"]},
    ),
    _json(
        "tags",
        "Output of a token classifier: a label is a tag",
        [
            {"start": 0, "end": 3, "label": "B-PER"},
            {"start": 4, "end": 9, "label": "I-PER"},
            {"start": 10, "end": 14, "label": "O"},
            {"start": 18, "end": 23, "label": "B-LOC"},
        ],
        report=("labels of spans are tags",),
        before="misread",
    ),
    _json(
        "words_with_tags",
        "As above, by words",
        [{"word": "Ada", "tag": "B-PER"}, {"word": "Okoro", "tag": "I-PER"}, {"word": "Paris", "tag": "B-LOC"}],
        report=("labels of spans are tags",),
    ),
    _json(
        "categories",
        "Kili: the type is in a list of categories",
        {
            "JOB_0": [
                {"beginOffset": 0, "endOffset": 9, "content": "Ada Okoro", "categories": [{"name": "PER"}]},
                {"beginOffset": 18, "endOffset": 23, "content": "Paris", "categories": [{"name": "LOC"}]},
            ]
        },
    ),
    RealFile(
        "two_keys.jsonl",
        "Spans next to an empty list of entities",
        _row(text=_TEXT, spans=[{**_ADA, "label": "PER"}, {**_PARIS, "label": "LOC"}], entities=[]),
        _READ,
        before="misread",
    ),
    RealFile(
        "count.jsonl",
        "A language model that counts what it found",
        _entities({"PER": ["Ada Okoro"], "LOC": ["Paris"], "count": 2, "has_date": False, "confidence": 0.9}),
        _READ,
    ),
    RealFile(
        "strings.jsonl",
        "Offsets as strings",
        _entities([{"start": "0", "end": "9", "label": "PER"}, {"start": "18", "end": "23", "label": "LOC"}]),
        _READ,
    ),
    RealFile(
        "python.jsonl",
        "A list of tuples, as Python prints it",
        _entities("[(0, 9, 'PER'), (18, 23, 'LOC')]"),
        _READ,
    ),
    RealFile(
        "python_mask.jsonl",
        "ai4privacy: the mask as Python prints it",
        _row(source_text=_TEXT, privacy_mask="[{'value': 'Ada Okoro', 'start': 0, 'end': 9, 'label': 'PER'}]"),
        ("Ada/B-PER Okoro/I-PER went/O to/O Paris/O ./O",),
    ),
    RealFile(
        "other_names_of_offsets.jsonl",
        "Other names of fields",
        _entities(
            [
                {"offset_start": 0, "offset_end": 9, "ent_type": "PER"},
                {"span_start": 18, "span_end": 23, "category_name": "LOC"},
            ]
        ),
        _READ,
    ),
    RealFile(
        "repeated.jsonl",
        "A language model that gives a mention once more, which is no part of another word",
        _row(text="US aid helps us , US and Annapolis", entities=[{"text": "US", "type": "L"}] * 3),
        ("US/B-L aid/O helps/O us/O ,/O US/B-L and/O Annapolis/O",),
        report=("there twice",),
    ),
    RealFile(
        "composed.jsonl",
        "A mention with composed letters, in a text without",
        json.dumps(
            {"text": "In Zu\u0308rich now", "entities": [{"start": 3, "end": 10, "label": "L", "text": "Z\u00fcrich"}]}
        ),
        ("In/O Zu\u0308rich/B-L now/O",),
        before="right",
    ),
    RealFile(
        "spans_of_words.jsonl",
        "SpERT and CoNLL04: tokens, and spans of words with exclusive ends",
        _row(
            tokens=_TEXT.split(),
            entities=[{"type": "PER", "start": 0, "end": 2}, {"type": "LOC", "start": 4, "end": 5}],
            relations=[],
        ),
        _READ,
        report=("spans of words, whose ends are exclusive",),
    ),
    RealFile(
        "inclusive_spans_of_words.jsonl",
        "tokens and lists as GLiNER has them",
        _row(tokens=_TEXT.split(), ner=[[0, 1, "PER"], [4, 4, "LOC"]]),
        _READ,
        report=("spans of words, whose ends are inclusive",),
    ),
    RealFile(
        "numbers.jsonl",
        "Numbers as words",
        '{"tokens": ["In", 2020, "Ada"], "tags": ["O", "O", "B-P"]}\n',
        ("In/O 2020/O Ada/B-P",),
        report=("number as a word",),
    ),
    RealFile(
        "blanks.jsonl",
        "Blanks around words, and words of blanks",
        '{"tokens": ["Ada ", " ", "sings", "\\u200b"], "tags": ["B-P", "O", "O", "O"]}\n',
        ("Ada/B-P sings/O",),
        report=("blanks around a word", "empty word with tag O"),
        before="misread",
    ),
    RealFile(
        "upper_case_keys.jsonl",
        "Keys in upper case",
        '{"Tokens": ["Ada", "sings"], "NER_Labels": ["B-P", "O"]}\n',
        ("Ada/B-P sings/O",),
    ),
    RealFile(
        "compressed.jsonl",
        "A compressed file under another name",
        gzip.compress(b'{"tokens": ["Ada"], "tags": ["B-P"]}\n'),
        error="compressed by gzip.*end in .gz",
    ),
    RealFile(
        "blanks.csv",
        "A table by hand, with blanks after commas",
        'sentence_id, word, tag\n1, Ada, B-P\n1, ",", O\n1, sings , O\n2, It, O\n2, rains, O\n',
        ("Ada/B-P ,/O sings/O", "It/O rains/O"),
    ),
    RealFile(
        "comment.csv",
        "A comment and a blank line before the header",
        "# exported by hand\n\nsentence_id,word,tag\n1,Ada,B-P\n1,sings,O\n2,It,O\n2,rains,O\n",
        ("Ada/B-P sings/O", "It/O rains/O"),
    ),
    RealFile(
        "nan_in_list.csv",
        "Lists that Python cannot read, and one with a backslash",
        "tokens,tags\n\"['Ada', nan, 'x']\",\"['B-P', 'O', 'O']\"\n\"['It' 'C:\\x' 'y']\",\"['O' 'O' 'O']\"\n"
        "\"['Bo', 'sings']\",\"['B-P', 'O']\"\n" + "\"['It', 'rains']\",\"['O', 'O']\"\n" * 2,
        ("Bo/B-P sings/O", "It/O rains/O", "It/O rains/O"),
        report=("skipped", "a list that cannot be read"),
    ),
)
