"""JSON of cloud services, annotation tools and libraries: texts with entities under other names, or within others."""

from __future__ import annotations

import json
from typing import Any

from tests.helpers.real_files import RealFile

TEXT = "Omar Okoro visits New Accra."
_RIGHT = ("Omar/B-PER Okoro/I-PER visits/O New/B-LOC Accra/I-LOC ./O",)
_RAIN = "It/O rains/O ./O"


def lines(*rows: Any) -> str:  # noqa: ANN401
    """Return ``rows`` as JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


CLOUD_FILES = (
    RealFile(
        "ground_truth_names.jsonl",
        "SageMaker Ground Truth's output manifest, with a text without an entity",
        lines(
            {
                "source": TEXT,
                "names": {
                    "annotations": {
                        "entities": [
                            {"label": "PER", "startOffset": 0, "endOffset": 10},
                            {"label": "LOC", "startOffset": 18, "endOffset": 27},
                        ],
                        "labels": [{"label": "PER"}, {"label": "LOC"}],
                    }
                },
                "names-metadata": {"entities": [{"confidence": 0.9}, {"confidence": 0.8}], "job-name": "names"},
            },
            {"source": "It rains.", "names": {"annotations": {"entities": [], "labels": []}}},
        ),
        (*_RIGHT, _RAIN),
        report=("entities in 'names'",),
    ),
    RealFile(
        "azure_documents.jsonl",
        "Azure Language's entities next to their text: `category`, `offset` and `length`",
        lines(
            {
                "id": "1",
                "text": TEXT,
                "entities": [
                    {"text": "Omar Okoro", "category": "PER", "offset": 0, "length": 10, "confidenceScore": 0.9},
                    {"text": "New Accra", "category": "LOC", "offset": 18, "length": 9, "confidenceScore": 0.8},
                ],
                "warnings": [],
            }
        ),
        _RIGHT,
    ),
    RealFile(
        "azure_labels.json",
        "Azure Language's labels file: the texts are in other files",
        json.dumps(
            {
                "projectFileVersion": "2022-05-01",
                "stringIndexType": "Utf16CodeUnit",
                "assets": {
                    "entities": [{"category": "PER"}],
                    "documents": [
                        {
                            "location": "a.txt",
                            "entities": [
                                {"regionOffset": 0, "labels": [{"category": "PER", "offset": 0, "length": 10}]}
                            ],
                        }
                    ],
                },
            }
        ),
        error="projectFileVersion, stringIndexType, assets",
        before="right",
    ),
    RealFile(
        "comprehend_output.jsonl",
        "Amazon Comprehend's output: offsets into another file",
        lines(
            {
                "Entities": [{"BeginOffset": 0, "EndOffset": 10, "Score": 0.9, "Text": "Omar Okoro", "Type": "PER"}],
                "File": "a.txt",
                "Line": 0,
            }
        ),
        error="Entities, File, Line",
        before="right",
    ),
    RealFile(
        "comprehend_text.jsonl",
        "Amazon Comprehend's entities next to their text: keys in capitals",
        lines(
            {
                "Text": TEXT,
                "Entities": [
                    {"BeginOffset": 0, "EndOffset": 10, "Score": 0.9, "Text": "Omar Okoro", "Type": "PER"},
                    {"BeginOffset": 18, "EndOffset": 27, "Score": 0.8, "Text": "New Accra", "Type": "LOC"},
                ],
            }
        ),
        _RIGHT,
    ),
    RealFile(
        "automl.jsonl",
        "Google AutoML's JSON Lines: `text_snippet`, `text_extraction` and `display_name`",
        lines(
            {
                "annotations": [
                    {"text_extraction": {"text_segment": {"start_offset": 0, "end_offset": 10}}, "display_name": "PER"},
                    {
                        "text_extraction": {"text_segment": {"start_offset": 18, "end_offset": 27}},
                        "display_name": "LOC",
                    },
                ],
                "text_snippet": {"content": TEXT},
            }
        ),
        _RIGHT,
    ),
    RealFile(
        "vertex.jsonl",
        "Google Vertex's import of entity extraction: `textContent` and `textSegmentAnnotations`",
        lines(
            {
                "textSegmentAnnotations": [
                    {"startOffset": 0, "endOffset": 10, "displayName": "PER"},
                    {"startOffset": 18, "endOffset": 27, "displayName": "LOC"},
                ],
                "textContent": TEXT,
                "dataItemResourceLabels": {"ml_use": "training"},
            }
        ),
        _RIGHT,
    ),
    RealFile(
        "google_nl.jsonl",
        "Google's Natural Language next to its text: mentions with `beginOffset` and no end",
        lines(
            {
                "text": TEXT,
                "entities": [
                    {
                        "name": "Omar Okoro",
                        "type": "PER",
                        "salience": 0.5,
                        "mentions": [{"text": {"content": "Omar Okoro", "beginOffset": 0}, "type": "PROPER"}],
                    },
                    {
                        "name": "New Accra",
                        "type": "LOC",
                        "mentions": [{"text": {"content": "New Accra", "beginOffset": 18}, "type": "PROPER"}],
                    },
                ],
                "language": "en",
            }
        ),
        _RIGHT,
    ),
    RealFile(
        "ibm.json",
        "IBM Watson's Natural Language Understanding: `analyzed_text`, and mentions with a `location`",
        json.dumps(
            {
                "language": "en",
                "analyzed_text": TEXT,
                "entities": [
                    {"type": "PER", "text": "Omar Okoro", "mentions": [{"text": "Omar Okoro", "location": [0, 10]}]},
                    {"type": "LOC", "text": "New Accra", "mentions": [{"text": "New Accra", "location": [18, 27]}]},
                ],
            }
        ),
        _RIGHT,
    ),
)

TOOL_FILES = (
    RealFile(
        "dataturks_null.json",
        "Dataturks: inclusive ends, and texts without an entity",
        lines(
            {
                "content": TEXT,
                "annotation": [
                    {"label": ["PER"], "points": [{"start": 0, "end": 9, "text": "Omar Okoro"}]},
                    {"label": ["LOC"], "points": [{"start": 18, "end": 26, "text": "New Accra"}]},
                ],
                "extras": None,
            },
            {"content": "It rains.", "annotation": None, "extras": None},
        ),
        (*_RIGHT, _RAIN),
        report=("whose end is the offset of its last character",),
    ),
    RealFile(
        "ubiai.json",
        "UBIAI: `document` and `annotation`",
        json.dumps(
            [
                {
                    "documentName": "a.txt",
                    "document": TEXT,
                    "annotation": [
                        {"start": 0, "end": 10, "label": "PER", "text": "Omar Okoro"},
                        {"start": 18, "end": 27, "label": "LOC", "text": "New Accra"},
                    ],
                }
            ]
        ),
        _RIGHT,
    ),
    RealFile(
        "lighttag.json",
        "LightTag: `examples` with `content` and `annotations`",
        json.dumps(
            {
                "examples": [
                    {
                        "example_id": "1",
                        "content": TEXT,
                        "classifications": [],
                        "annotations": [
                            {"tag": "PER", "tag_id": "a", "start": 0, "end": 10, "value": "Omar Okoro"},
                            {"tag": "LOC", "tag_id": "b", "start": 18, "end": 27, "value": "New Accra"},
                        ],
                    }
                ],
                "relations": [],
                "schema_id": "x",
            }
        ),
        _RIGHT,
    ),
    RealFile(
        "rasa_synonym.json",
        "Rasa NLU 1: the value is the usual name of the entity, and not what the text has",
        json.dumps(
            {
                "rasa_nlu_data": {
                    "regex_features": [{"name": "zip", "pattern": "x"}],
                    "entity_synonyms": [{"value": "Accra", "synonyms": ["new accra"]}],
                    "common_examples": [
                        {
                            "text": "visits the big harbour",
                            "intent": "visit",
                            "entities": [{"start": 7, "end": 22, "value": "Tema", "entity": "LOC"}],
                        },
                        {"text": "hello", "intent": "greet", "entities": []},
                    ],
                }
            }
        ),
        ("visits/O the/B-LOC big/I-LOC harbour/I-LOC", "hello/O"),
    ),
    RealFile(
        "ner_annotator.json",
        "tecoholic/ner-annotator: spaCy's pairs under `annotations`, null for lines that were skipped",
        json.dumps(
            {
                "classes": ["PER", "LOC"],
                "annotations": [
                    [TEXT, {"entities": [[0, 10, "PER"], [18, 27, "LOC"]]}],
                    None,
                    ["It rains.", {"entities": []}],
                ],
            }
        ),
        (*_RIGHT, _RAIN),
    ),
    RealFile(
        "rich_text_editor.json",
        "hou2zi0/minimal-RTE__ner-training-data: offsets as strings",
        json.dumps([{"text": TEXT, "entities": [["0", "10", "PER"], ["18", "27", "LOC"]]}]),
        _RIGHT,
    ),
    RealFile(
        "universal_data_tool.json",
        "Universal Data Tool: `samples` with `document` and `annotation.entities`",
        json.dumps(
            {
                "interface": {"type": "text_entity_recognition", "labels": [{"id": "PER"}, {"id": "LOC"}]},
                "samples": [
                    {
                        "document": TEXT,
                        "annotation": {
                            "entities": [
                                {"text": "Omar Okoro", "label": "PER", "start": 0, "end": 10},
                                {"text": "New Accra", "label": "LOC", "start": 18, "end": 27},
                            ]
                        },
                    },
                    {"document": "It rains.", "annotation": {"entities": []}},
                ],
            }
        ),
        (*_RIGHT, _RAIN),
    ),
    RealFile(
        "brat_embedding.jsonl",
        "brat's embedded visualization: entities as `[id, type, [[start, end]]]`",
        lines({"text": TEXT, "entities": [["T1", "PER", [[0, 10]]], ["T2", "LOC", [[18, 27]]]]}),
        _RIGHT,
    ),
    RealFile(
        "argilla.jsonl",
        "Argilla 1: annotations next to predictions, which are not gold",
        lines(
            {
                "text": TEXT,
                "tokens": ["Omar", "Okoro", "visits", "New", "Accra", "."],
                "annotation": [{"label": "PER", "start": 0, "end": 10}, {"label": "LOC", "start": 18, "end": 27}],
                "prediction": [{"label": "LOC", "start": 0, "end": 4, "score": 0.5}],
                "status": "Validated",
            }
        ),
        _RIGHT,
    ),
    RealFile(
        "argilla_unannotated.jsonl",
        "Argilla 1: predictions alone, of records without annotations",
        lines({"text": TEXT, "annotation": None, "prediction": [{"label": "LOC", "start": 0, "end": 4}]}),
        error="text, annotation, prediction",
    ),
    RealFile(
        "bioc.json",
        "BioC: offsets in documents of several passages",
        json.dumps(
            {
                "source": "x",
                "documents": [
                    {
                        "id": "1",
                        "passages": [
                            {
                                "offset": 0,
                                "text": TEXT,
                                "annotations": [
                                    {
                                        "text": "Omar Okoro",
                                        "infons": {"type": "PER"},
                                        "locations": [{"offset": 0, "length": 10}],
                                    }
                                ],
                            }
                        ],
                    }
                ],
            }
        ),
        error="source, documents",
        before="right",
    ),
    RealFile(
        "inception.json",
        "INCEpTION: UIMA CAS as JSON",
        json.dumps(
            {
                "%TYPES": {},
                "%FEATURE_STRUCTURES": [
                    {"%ID": 1, "%TYPE": "uima.cas.Sofa", "sofaString": TEXT},
                    {"%ID": 2, "%TYPE": "custom.Span", "begin": 0, "end": 10, "label": "PER"},
                ],
                "%VIEWS": {},
            }
        ),
        error="%FEATURE_STRUCTURES",
        before="right",
    ),
)

LIBRARY_FILES = (
    RealFile(
        "presidio_research.json",
        "Presidio-research: `full_text`, and spans with `entity_value` and `start_position`",
        json.dumps(
            [
                {
                    "full_text": TEXT,
                    "masked": "{{person}} visits {{city}}.",
                    "spans": [
                        {"entity_type": "PER", "entity_value": "Omar Okoro", "start_position": 0, "end_position": 10},
                        {"entity_type": "LOC", "entity_value": "New Accra", "start_position": 18, "end_position": 27},
                    ],
                    "template_id": 7,
                    "tokens": None,
                    "tags": None,
                }
            ]
        ),
        _RIGHT,
    ),
    RealFile(
        "nuner.jsonl",
        "NuNER: mentions and types in one string",
        lines({"input": TEXT, "output": ["Omar Okoro <> PER", "New Accra <> LOC"]}),
        error="output",
        before="right",
    ),
    RealFile(
        "few_nerd_episode.jsonl",
        "few-NERD: episodes of support and query",
        lines(
            {
                "support": {"word": [["Omar", "visits"]], "label": [["PER", "O"]]},
                "query": {"word": [["Ama"]], "label": [["PER"]]},
                "types": ["PER"],
            }
        ),
        error="support, query, types",
        before="right",
    ),
    RealFile(
        "allennlp.jsonl",
        "AllenNLP's predictions: BILOU tags next to logits",
        lines({"words": ["Omar", "Okoro", "visits"], "tags": ["B-PER", "L-PER", "O"], "logits": [[0.1], [0.1], [0.3]]}),
        ("Omar/B-PER Okoro/I-PER visits/O",),
    ),
    RealFile(
        "mrc_ner.json",
        "ShannonAI/mrc-for-flat-nested-ner: questions about one type, with numbers of words",
        json.dumps(
            [{"context": TEXT, "query": "people", "entity_label": "PER", "start_position": [0], "end_position": [1]}]
        ),
        error="context, query, entity_label",
        before="right",
    ),
    RealFile(
        "reasoning.jsonl",
        "Structured outputs of language models with their reasons, next to the text",
        lines(
            {
                "text": TEXT,
                "output": {
                    "reasoning": "Omar is a name.",
                    "entities": [{"text": "Omar Okoro", "type": "PER"}, {"text": "New Accra", "type": "LOC"}],
                },
            },
            {"text": "It rains.", "output": {"reasoning": "It has no name.", "entities": []}},
        ),
        (*_RIGHT, _RAIN),
    ),
    RealFile(
        "reasoning_chat.jsonl",
        "Structured outputs of language models with their reasons, as chat records",
        lines(
            *(
                {
                    "messages": [
                        {"role": "user", "content": text},
                        {"role": "assistant", "content": json.dumps({"reasoning": "It is.", "entities": entities})},
                    ]
                }
                for text, entities in (
                    (TEXT, [{"text": "Omar Okoro", "type": "PER"}, {"text": "New Accra", "type": "LOC"}]),
                    ("It rains.", []),
                )
            )
        ),
        (*_RIGHT, _RAIN),
    ),
    RealFile(
        "response.jsonl",
        "Responses of language models as strings of JSON, next to the text",
        lines({"text": TEXT, "response": '```json\n{"PER": ["Omar Okoro"], "LOC": ["New Accra"]}\n```'}),
        _RIGHT,
    ),
    RealFile(
        "entity_and_type.jsonl",
        "Language models: `entity` is the text, although the pipeline of transformers has the type there",
        lines(
            {
                "text": TEXT,
                "entities": [
                    {"entity": "Omar Okoro", "type": "PER", "start": 0, "end": 10},
                    {"entity": "New Accra", "type": "LOC", "start": 18, "end": 27},
                ],
            }
        ),
        _RIGHT,
    ),
    RealFile(
        "nltk_pairs.json",
        "NLTK and sklearn-crfsuite: sentences as lists of words with tags",
        json.dumps([[["Omar", "B-PER"], ["visits", "O"]], [["It", "O"], ["rains", "O"], [".", "O"]]]),
        ("Omar/B-PER visits/O", _RAIN),
    ),
    RealFile(
        "mentions_not_in_text.jsonl",
        "Language models: no mention occurs in its text",
        lines({"text": TEXT, "entities": [{"text": "Kofi", "type": "PER"}]}),
        error="none of the 1 entities",
        before="right",
    ),
)
TOOLS = (*CLOUD_FILES, *TOOL_FILES, *LIBRARY_FILES)
