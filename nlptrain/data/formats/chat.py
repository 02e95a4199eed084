"""Chat records with the entities of a text as JSON in the response, as language models are trained and asked.

``{"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": json}]}``, ``{"conversations":
[{"from": "human", "value": text}, {"from": "gpt", "value": json}]}``, ``{"prompt", "completion"}`` or ``{"instruction",
"input", "output"}``. The text is what follows ``Text:`` in the user's message, else the message. A question may ask for
one type ("What describes person in the text?"): its response is a list of mentions, and of other types nothing is
known. What a response may be: ``chat_responses``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.annotation_tools import read_annotated_sentence
from nlptrain.data.formats.chat_responses import has_several_values, is_list_of_mentions, parse_response
from nlptrain.data.formats.chat_turns import KEYS, Turn, asked_type, text_of, turns_of, whole_text
from nlptrain.data.formats.entity_lists import to_entities
from nlptrain.data.formats.fields import join_names, quote_json
from nlptrain.data.formats.head import Head
from nlptrain.data.formats.json_rows import Row, ignored_keys
from nlptrain.data.formats.row_merging import merge_rows
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

_BROKEN = "chat record whose response has no valid JSON"
_SEVERAL = "response with several JSON values, the last one read"


def is_chat(head: Head) -> bool:
    """Return whether the file has chat records, and the response of one of them has JSON."""
    turns = (turn for row in head.rows for turn in turns_of(row))
    return any(turn.role == "assistant" and parse_response(turn.content) is not None for turn in turns)


def read_chat(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the texts of a file with the entities of the responses, which are searched in their texts.

    Responses to questions about one type are united with those about the same text.

    Raises:
        InputError: the file cannot be read.
    """
    for location, row in merge_rows(path, context.report, _to_rows):
        if sentence := read_annotated_sentence(row, location, context):
            yield sentence


def ignored_chat_keys(path: Path, _: ReadContext) -> list[str]:
    """Return the keys of the first row that are not read."""
    return ignored_keys(path, ("id", *KEYS))


def _to_rows(row: Row, location: str, report: ReadReport) -> list[Row]:
    """Return a row with the text and the entities of each text in a record."""
    turns = turns_of(row)
    last_response = max((index for index, turn in enumerate(turns) if turn.role == "assistant"), default=None)
    if last_response is None:
        raise InputError(
            f"found no response (keys: {join_names(row)})",
            location=location,
            expected='"messages", "conversations", "prompt" and "completion", or "instruction" and "output"',
        )
    instructions = " ".join(turn.content for turn in turns if turn.role == "system")
    rows: dict[str, Row] = {}
    text, question = "", Turn("user", "")
    for index, turn in enumerate(turns):
        if turn.role == "user":
            question = turn
            text = text_of(turn) or (text if text and asked_type(turn.content) else whole_text(turn))
        elif turn.role == "assistant":
            value = parse_response(turn.content)
            if value is not None:
                if has_several_values(turn.content):
                    report.repaired(_SEVERAL, location, f"found {quote_json(turn.content)}")
                _add_response(
                    rows.setdefault(text, {"text": text, "entities": []}), value, question, instructions, location
                )
            elif index == last_response:  # an earlier one may be: "I have read this text."
                report.skip(_BROKEN, InputError(f"found {quote_json(turn.content)}", location=location))
                return []
    return [{"id": row.get("id")} | mapped for mapped in rows.values()]


def _add_response(mapped: Row, value: object, question: Turn, instructions: str, location: str) -> None:
    """Add the entities of a response, and the type that was asked for if it was one; None: all types."""
    entity_type = None
    if is_list_of_mentions(value):
        prompt = question.content.replace(mapped["text"], " ")
        entity_type = asked_type(prompt) or asked_type(instructions)
        if value and entity_type is None:
            expected = "a type in the response, or in the question"
            raise InputError(f"found {quote_json(value)}", location=location, expected=expected)
    mapped["entities"] += to_entities(value, mapped["text"], entity_type, location)
    asked = mapped.get("asked", [])
    mapped["asked"] = None if entity_type is None or asked is None else [*asked, entity_type]
