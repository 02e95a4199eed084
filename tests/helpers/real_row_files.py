"""JSON: words with tags, and texts with labeled spans, as tools and language models write them."""

from __future__ import annotations

import json
from typing import Any

from tests.helpers.real_files import RealFile

_TEXT = "Omar Okoro visits New Accra."
_RIGHT = ("Omar/B-PER Okoro/I-PER visits/O New/B-LOC Accra/I-LOC ./O",)


def _lines(*rows: Any) -> str:  # noqa: ANN401
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _task(*values: dict[str, Any], text: str = _TEXT) -> dict[str, Any]:
    """Return a task of Label Studio with the regions ``values``."""
    result = [{"value": value, "from_name": "label", "to_name": "text", "type": "labels"} for value in values]
    return {"id": 1, "data": {"text": text}, "annotations": [{"id": 1, "result": result}]}


_PERSON = {"start": 0, "end": 10, "text": "Omar Okoro", "labels": ["PER"]}

WORD_ROWS = (
    RealFile(
        "words_labels.jsonl",
        "Rows of AllenNLP and of course material: `words` and `labels`",
        _lines({"words": ["Omar", "visits"], "labels": ["B-PER", "O"]}),
        ("Omar/B-PER visits/O",),
    ),
    RealFile(
        "tner_numbers.jsonl",
        "T-NER's data sets: tags as numbers, without their names",
        _lines({"tokens": ["Omar", "visits"], "tags": [1, 0]}),
        error=r"data\.tag_names",
    ),
    RealFile(
        "hub_numbers.jsonl",
        "The Hub's rows in JSON Lines: numbers, whose names the user gives",
        _lines({"id": "0", "tokens": ["Omar", "Okoro", "sings"], "ner_tags": [1, 2, 0]}),
        ("Omar/B-PER Okoro/I-PER sings/O",),
        data={"tag_names": ["O", "B-PER", "I-PER"]},
    ),
    RealFile(
        "scierc.jsonl",
        "SciERC, PURE and DyGIE++: documents of several sentences, entities in words of the document",
        _lines(
            {
                "doc_key": "d1",
                "sentences": [["Omar", "visits"], ["Ama", "sings"]],
                "ner": [[[0, 0, "PER"]], [[2, 2, "PER"]]],
                "relations": [[], []],
            }
        ),
        ("Omar/B-PER visits/O", "Ama/B-PER sings/O"),
        error="sentences",
        before="right",
    ),
)

SPAN_ROWS = (
    RealFile(
        "spacy_train_data.json",
        "spaCy's TRAIN_DATA, saved as JSON: pairs of a text and its entities",
        json.dumps([[_TEXT, {"entities": [[0, 10, "PER"], [18, 27, "LOC"]]}]]),
        _RIGHT,
    ),
    RealFile(
        "spacy_misaligned.jsonl",
        "explosion/spaCy #13533 (W030): the last letter of an entity is missing",
        _lines({"text": "Hello from Ghana", "entities": [[11, 15, "GPE"]]}),
        ("Hello/O from/O Ghana/B-GPE",),
        report=("cuts a word, expanded",),
    ),
    RealFile(
        "spacy_doc.jsonl",
        "spaCy's doc.to_json(): entities as `ents`, and tokens with offsets",
        _lines(
            {
                "text": "Omar visits Accra",
                "ents": [{"start": 0, "end": 4, "label": "PER"}, {"start": 12, "end": 17, "label": "LOC"}],
                "sents": [{"start": 0, "end": 17}],
                "tokens": [{"id": i, "start": s, "end": e} for i, (s, e) in enumerate([(0, 4), (5, 11), (12, 17)])],
            }
        ),
        ("Omar/B-PER visits/O Accra/B-LOC",),
        before="misread",
    ),
    RealFile(
        "spacy_v2.json",
        "spaCy 2's training format: documents, paragraphs, sentences, tokens",
        json.dumps(
            [{"id": 0, "paragraphs": [{"sentences": [{"tokens": [{"id": 0, "orth": "Omar", "ner": "U-PER"}]}]}]}]
        ),
        ("Omar/B-PER",),
        error="paragraphs",
        before="right",
    ),
    RealFile(
        "cluener.json",
        "CLUENER: JSON Lines as .json; types, texts, and ends that are inclusive",
        _lines({"text": _TEXT, "label": {"PER": {"Omar Okoro": [[0, 9]]}, "LOC": {"New Accra": [[18, 26]]}}}),
        _RIGHT,
    ),
    RealFile(
        "cluener_dev.jsonl",
        "CLUENER: a text that occurs twice, and a text without an entity",
        _lines(
            {"text": "Omar met Omar.", "label": {"PER": {"Omar": [[0, 3], [9, 12]]}}},
            {"text": "It rains.", "label": {}},
        ),
        ("Omar/B-PER met/O Omar/B-PER ./O", "It/O rains/O ./O"),
    ),
    RealFile(
        "doccano_data.jsonl",
        "doccano (joeyism/jsonl-to-conll #3): the text as `data`, a blank at the end of a span",
        _lines({"id": 3, "data": _TEXT, "label": [[0, 11, "PER"], [18, 27, "LOC"]]}),
        _RIGHT,
        report=("blanks, trimmed",),
    ),
    RealFile(
        "doccano_relations.jsonl",
        "doccano with relations: `entities`, `relations` and `Comments`",
        _lines(
            {
                "id": 5,
                "text": _TEXT,
                "entities": [
                    {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 10},
                    {"id": 2, "label": "LOC", "start_offset": 18, "end_offset": 27},
                ],
                "relations": [{"id": 1, "from_id": 1, "to_id": 2, "type": "visits"}],
                "Comments": [],
            }
        ),
        _RIGHT,
        before="right",
    ),
    RealFile(
        "label_studio_end.json",
        "HumanSignal/label-studio #2007: an end after the end of the text",
        json.dumps([_task(_PERSON, {"start": 18, "end": 29, "text": "New Accra", "labels": ["LOC"]})]),
        _RIGHT,
        report=("offsets",),
    ),
    RealFile(
        "label_studio_crlf.json",
        "HumanSignal/label-studio #539: offsets in a text with CR LF, counted as one character",
        json.dumps(
            [
                _task(
                    {**_PERSON, "text": "Omar Okoro", "start": 7, "end": 17},
                    {"start": 25, "end": 34, "text": "New Accra", "labels": ["LOC"]},
                    text="Hello\r\n\r\nOmar Okoro visits New Accra.",
                )
            ]
        ),
        ("Hello/O Omar/B-PER Okoro/I-PER visits/O New/B-LOC Accra/I-LOC ./O",),
        report=("line ends of one, converted",),
    ),
    RealFile(
        "label_studio_two_labels.json",
        "HumanSignal/label-studio #5111: a region with two labels, in a project with regions of one",
        json.dumps([_task(_PERSON), _task({**_PERSON, "labels": ["PER", "CHIEF"]})]),
        ("Omar/B-PER Okoro/I-PER visits/O New/O Accra/O ./O",),
        report=("skipped",),
    ),
    RealFile(
        "list.jsonl",
        "A JSON list over several lines under the name of JSON Lines",
        json.dumps([{"text": _TEXT, "entities": [[0, 10, "PER"], [18, 27, "LOC"]]}], indent=2),
        _RIGHT,
    ),
    RealFile(
        "classification.jsonl",
        "doccano's export of text classification: labels of texts, not of spans",
        _lines({"id": 1, "data": _TEXT, "label": ["travel"]}, {"id": 2, "data": "It rains.", "label": []}),
        error="travel|label",
        before="right",
    ),
    RealFile(
        "types_and_texts.jsonl",
        "Structured outputs of language models: an object of types with lists of texts",
        _lines(
            {"text": _TEXT, "entities": {"PER": ["Omar Okoro"], "LOC": ["New Accra"]}},
            {"text": "It rains.", "entities": {"PER": [], "LOC": []}},
        ),
        (*_RIGHT, "It/O rains/O ./O"),
    ),
    RealFile(
        "names_and_types.jsonl",
        "Structured outputs of language models: `name` and `type`",
        _lines(
            {"text": _TEXT, "entities": [{"name": "Omar Okoro", "type": "PER"}, {"name": "new accra", "type": "LOC"}]}
        ),
        _RIGHT,
        report=("upper and lower case",),
    ),
    RealFile(
        "flair_dict.jsonl",
        "Flair's sentence.to_dict(): `start_pos`, `end_pos`, and labels with a confidence",
        _lines(
            {
                "text": _TEXT,
                "labels": [],
                "entities": [
                    {
                        "text": "Omar Okoro",
                        "start_pos": 0,
                        "end_pos": 10,
                        "labels": [{"value": "PER", "confidence": 0.9}],
                    },
                    {
                        "text": "New Accra",
                        "start_pos": 18,
                        "end_pos": 27,
                        "labels": [{"value": "LOC", "confidence": 0.8}],
                    },
                ],
            }
        ),
        _RIGHT,
        error="entit",
        before="right",
    ),
    RealFile(
        "presidio.jsonl",
        "Presidio's analyzer, next to its text: `entity_type` in `results`",
        _lines({"text": _TEXT, "results": [{"entity_type": "PER", "start": 0, "end": 10, "score": 0.85}]}),
        ("Omar/B-PER Okoro/I-PER visits/O New/O Accra/O ./O",),
        error="results",
    ),
    RealFile(
        "dataturks.json",
        "Dataturks: JSON Lines as .json; `content`, `annotation`, ends that are inclusive",
        _lines(
            {
                "content": "Omar Okoro sings",
                "annotation": [{"label": ["PER"], "points": [{"start": 0, "end": 9, "text": "Omar Okoro"}]}],
                "extras": None,
            }
        ),
        ("Omar/B-PER Okoro/I-PER sings/O",),
        error="annotation|content",
    ),
    RealFile(
        "ground_truth.jsonl",
        "SageMaker Ground Truth's output manifest: `source`, and the annotations under the name of the job",
        _lines(
            {
                "source": "Omar visits Accra",
                "names": {
                    "annotations": {"entities": [{"label": "PER", "startOffset": 0, "endOffset": 4}], "labels": []}
                },
                "names-metadata": {"entities": [{"confidence": 0.98}], "job-name": "names"},
            }
        ),
        ("Omar/B-PER visits/O Accra/O",),
        error="source",
        before="right",
    ),
    RealFile(
        "rasa.json",
        "Rasa NLU 1: examples with intents under `rasa_nlu_data`",
        json.dumps(
            {
                "rasa_nlu_data": {
                    "common_examples": [
                        {
                            "text": "weather in Accra",
                            "intent": "weather",
                            "entities": [{"start": 11, "end": 16, "value": "accra", "entity": "city"}],
                        }
                    ]
                }
            }
        ),
        ("weather/O in/O Accra/B-city",),
        error="object|rasa_nlu_data",
        before="right",
    ),
)
ROW_FILES = (*WORD_ROWS, *SPAN_ROWS)
