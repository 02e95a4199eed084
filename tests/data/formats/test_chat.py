"""Chat records with JSON responses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.chat import ignored_chat_keys
from nlptrain.data.formats.chat_responses import parse_response
from nlptrain.data.formats.chat_turns import Turn, asked_type, text_of
from nlptrain.data.formats.sniffing import sniff_format
from tests.helpers.reading import entities_of, faults_of, read_rows

TEXT = "Ama Mensah left Accra for Tema."
ALL = ["person: Ama Mensah", "city: Accra", "city: Tema"]
OBJECTS = [
    {"entity": "Ama Mensah", "type": "person"},
    {"entity": "Accra", "type": "city"},
    {"entity": "Tema", "type": "city"},
]


def chat(*contents: str, system: str = "") -> dict[str, Any]:
    messages = [{"role": "system", "content": system}] if system else []
    roles = ("user", "assistant")
    return {"messages": messages + [{"role": roles[i % 2], "content": text} for i, text in enumerate(contents)]}


def test_the_two_records_of_the_issue(tmp_path: Path) -> None:
    """Fenced, and with prose around; one mention in other case, one that does not occur."""
    responses = (
        '```json\n[{"entity": "Ama Mensah", "type": "person"}, {"entity": "Accra", "type": "city"}]\n```',
        'Here you go: [{"entity": "tema", "type": "city"}, {"entity": "Kumasi", "type": "city"}]',
    )
    rows = [
        chat("Ama Mensah left Accra.", responses[0], system="Find people."),
        chat("It rains in Tema.", responses[1]),
    ]
    sentences, context = read_rows(tmp_path, "chat", *rows)
    assert [sentence.words for sentence in sentences] == [
        ("Ama", "Mensah", "left", "Accra", "."),
        ("It", "rains", "in", "Tema", "."),
    ]
    assert [sentence.tags for sentence in sentences] == [
        ("B-person", "I-person", "O", "B-city", "O"),
        ("O", "O", "O", "B-city", "O"),
    ]
    assert context.report.mentions == {"exact": 2, "case": 1, "lost": 1}


RESPONSES = {
    "objects": json.dumps(OBJECTS),
    "other keys": json.dumps([{"word": item["entity"], "entity": item["type"]} for item in OBJECTS]),
    "more keys": json.dumps([{"span": item["entity"], "label": item["type"], "why": "x"} for item in OBJECTS]),
    "wrapped": json.dumps({"entities": OBJECTS}),
    "an object per line": "\n".join(map(json.dumps, OBJECTS)),
    "types and lists": json.dumps({"person": ["Ama Mensah"], "city": ["Accra", "Tema"], "animal": []}),
    "types and objects": json.dumps(
        {"person": [{"text": "Ama Mensah"}], "city": [{"name": "Accra"}, {"name": "Tema"}]}
    ),
    "mentions and types": json.dumps({"Ama Mensah": "person", "Accra": "city", "Tema": "city"}),
    "types and mentions": json.dumps([{"person": "Ama Mensah"}, {"city": "Accra"}, {"city": "Tema"}]),
    "pairs": json.dumps([[item["entity"], item["type"]] for item in OBJECTS]),
    "Python": str(OBJECTS),
    "fenced": f"Sure!\n```\n{json.dumps(OBJECTS, indent=2)}\n```\nAnything else?",
    "prose with brackets": f"<think>It has {{braces}} and [1].</think> Result: {json.dumps(OBJECTS)} (see [1])",
    "offsets that are wrong": json.dumps([item | {"start": 1, "end": 3} for item in OBJECTS]),
}


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_responses_of_any_form_are_read(tmp_path: Path, response: str) -> None:
    (sentence,), context = read_rows(tmp_path, "chat", chat(TEXT, response))
    assert (entities_of(sentence), sentence.asked, sentence.text) == (ALL, None, TEXT)
    assert not any(cause.action == "skipped" for cause in context.report.causes)


RESPONSE = RESPONSES["objects"]
RECORDS = {
    "conversations": {"conversations": [{"from": "human", "value": TEXT}, {"from": "gpt", "value": RESPONSE}]},
    "prompt": {"prompt": f"Find entities.\n\nText: {TEXT}\nOutput:", "completion": RESPONSE},
    "messages on both sides": {
        "prompt": [{"role": "user", "content": f'Find entities in the text:\n"""{TEXT}"""'}],
        "completion": [{"role": "assistant", "content": RESPONSE}],
    },
    "instruction": {"instruction": "Find entities.", "input": TEXT, "output": RESPONSE},
    "instruction with text": {"instruction": f"Find entities.\nText: {TEXT}", "input": "", "output": RESPONSE},
    "parts": chat("") | {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": TEXT}]},
            {"role": "assistant", "content": RESPONSE},
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_records_of_any_form_are_read(tmp_path: Path, record: dict[str, Any], name: str) -> None:
    (sentence,), context = read_rows(tmp_path, "chat", record, name=name)
    assert (entities_of(sentence), sentence.text) == (ALL, TEXT)
    assert not context.report.causes


def test_questions_about_one_type_are_united(tmp_path: Path) -> None:
    """Of other types nothing is known."""
    questions = [f"Text: {TEXT}", "This is the text."]
    questions += ["What describes person in the text?", '["Ama Mensah"]', "What describes animal in the text?", "[]"]
    single = {"instruction": 'List all entities of type "city".', "input": TEXT, "output": '["Accra", "Tema"]'}
    (sentence,), context = read_rows(tmp_path, "chat", chat(*questions), single)
    assert entities_of(sentence) == ALL
    assert sentence.asked == {"person", "animal", "city"}
    assert not context.report.causes


def test_examples_in_a_prompt_are_texts_of_their_own(tmp_path: Path) -> None:
    responses = ['{"city": ["Tema"]}', '{"person": ["Kofi"]}']
    sentences, _ = read_rows(tmp_path, "chat", chat("It rains in Tema.", responses[0], "Kofi sings.", responses[1]))
    assert [(sentence.text, entities_of(sentence)) for sentence in sentences] == [
        ("It rains in Tema.", ["city: Tema"]),
        ("Kofi sings.", ["person: Kofi"]),
    ]


def test_scores_are_kept(tmp_path: Path) -> None:
    response = json.dumps([{"text": "Accra", "label": "city", "confidence": 0.25}])
    (sentence,), _ = read_rows(tmp_path, "chat", chat(TEXT, response))
    assert list(sentence.scores.values()) == [0.25]


@pytest.mark.parametrize(
    ("record", "cause", "message"),
    [
        (chat(TEXT, '[{"entity": "Ama'), "chat record whose response has no valid JSON", "found "),
        (chat(TEXT, "There are none."), "chat record whose response has no valid JSON", "found "),
        (
            chat(TEXT, '["Ama Mensah"]'),
            "row that is malformed",
            'found ["Ama Mensah"]; expected a type in the response',
        ),
        (chat(TEXT, '[{"entity": "Ama"}]'), "row that is malformed", 'found {"entity": "Ama"} instead of an entity'),
        (
            {"messages": [{"role": "user", "content": TEXT}]},
            "row that is malformed",
            "found no response (keys: messages)",
        ),
    ],
)
def test_records_without_entities_in_json_are_skipped(
    tmp_path: Path, record: dict[str, Any], cause: str, message: str
) -> None:
    good = chat(TEXT, RESPONSES["objects"])
    sentences, context = read_rows(tmp_path, "chat", good, record, good)
    assert len(sentences) == 2
    assert faults_of(context) == [("skipped", cause, 1)]
    assert context.report.causes[0].problems[0].render().startswith(f"{tmp_path}/a.jsonl:2: {message}")


def test_chats_without_json_are_no_such_records(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(chat("How are you?", "Fine, thanks.")) + "\n")
    assert sniff_format(path) == "jsonl"


def test_other_keys_are_reported(tmp_path: Path) -> None:
    read_rows(tmp_path, "chat", chat(TEXT, RESPONSES["objects"]) | {"model": "x", "id": 1})
    assert ignored_chat_keys(tmp_path / "a.jsonl", ReadContext()) == ["model"]


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Text: It rains.", "It rains."),
        ("Find people.\n\n### Input:\nIt rains.\n\n### Response:", "It rains."),
        ("Find people. Sentence: 'It rains.'", "It rains."),
        ("Find people in <text>\nIt rains.\n</text> now.", "It rains."),
        ("Text: Kofi sings.\nEntities: [...]\nText: It rains.\nEntities:", "It rains."),
        ('Find people in the text:\n"""It rains."""', "It rains."),
        ("Find people: ```It rains.```", "It rains."),
        ("Find people in the following sentence (JSON): It rains.", "It rains."),
        ('{"instruction": "Find people.", "schema": ["person"], "input": "It rains."}', "It rains."),
        ("He read the text and left.", None),
        ("He wrote in the text: no.", None),
    ],
)
def test_the_text_of_a_prompt(prompt: str, text: str | None) -> None:
    assert text_of(Turn("user", prompt)) == text


@pytest.mark.parametrize(
    ("question", "entity_type"),
    [
        ("What describes end date in the text?", "end date"),
        ("Extract all entities of type `city`.", "city"),
        ("Entity type: medical condition", "medical condition"),
        ("Find the entities.", None),
    ],
)
def test_the_type_of_a_question(question: str, entity_type: str | None) -> None:
    assert asked_type(question) == entity_type


def test_many_brackets_take_no_time() -> None:
    assert parse_response("[" * 100_000) is None


def test_values_of_a_response_that_are_left_out_are_reported(tmp_path: Path) -> None:
    """Objects are united, also of several fences; of lists, which may be corrections, the last one counts."""
    fences = '```json\n{"PER": ["Ada"]}\n```\n```json\n{"LOC": ["Oslo"]}\n```'
    assert parse_response(fences) == [{"PER": ["Ada"]}, {"LOC": ["Oslo"]}]
    response = '[{"type": "PER", "entity": "Ada"}]\n[{"type": "LOC", "entity": "Oslo"}]'
    (sentence,), context = read_rows(tmp_path, "chat", chat("Text: Ada sings in Oslo", response))
    assert entities_of(sentence) == ["LOC: Oslo"]
    assert faults_of(context) == [("repaired", "response with several JSON values, the last one read", 1)]
