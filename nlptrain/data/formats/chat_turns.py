"""Turns of chat records, the text that a prompt is about, and the entity type that it asks for."""

from __future__ import annotations

import json
import re
from typing import Any, Literal, NamedTuple

from nlptrain.data.formats.json_rows import Row

Role = Literal["system", "user", "assistant"]
_RESPONSES = ("completion", "output", "response", "answer")
KEYS = ("messages", "conversations", "prompt", "instruction", "input", *_RESPONSES)
_ASSISTANTS = ("assistant", "gpt", "model", "bot", "chatgpt")
_ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    **dict.fromkeys(_ASSISTANTS, "assistant"),
}
_NAMES = "text|sentence|passage|document|input|paragraph"
# What precedes the text in a prompt, what may enclose it, and what may follow it.
_MARK = re.compile(
    rf"(?:^|\n|[.:] )[ \t#*]*(?:(?:input|the|given|following) )*(?:{_NAMES})[ \t*]*:[ \t*]*\n?"
    rf"|\b(?:following|given) (?:{_NAMES})[^:\n]{{0,20}}:\s*|\b(?:{_NAMES})[ \t*]*:[ \t]*\n",
    re.IGNORECASE,
)
_ELEMENT = re.compile(rf"<(?P<name>{_NAMES})>\s*(?P<text>.*?)\s*</(?P=name)>", re.IGNORECASE | re.DOTALL)
_BLOCK = re.compile(r"(\"{3}|'{3}|`{3})\s*(?P<text>.*?)\s*\1", re.DOTALL)
_CUE = re.compile(r"\n\s*[#*]*\s*(?:output|answer|entities|json|result|response)s?\s*[*]*\s*:\s*$", re.IGNORECASE)
_QUOTES = ('"""', "'''", "```", '"', "'")
_TYPES = (
    re.compile(r"what describes (.+?) in the text", re.IGNORECASE),
    re.compile(r"(?:types?|labels?|class|category)\s*[:=]?\s*[\"'`*]+([^\"'`*\n]{1,60})[\"'`*]", re.IGNORECASE),
    re.compile(r"(?:entity type|of type)\s*[:=]?\s*([\w /-]{1,60}?)\s*(?:[.?!,;\n]|\bin\b|\bfrom\b|$)", re.IGNORECASE),
)


class Turn(NamedTuple):
    """A message of a chat.

    Attributes:
        role: of its author.
        content: its text.
        is_text: whether it is the text alone, without a question.
    """

    role: Role
    content: str
    is_text: bool = False


def turns_of(row: Row) -> list[Turn]:
    """Return the turns of a record; none of another row."""
    for key, role_key, content_key in (("messages", "role", "content"), ("conversations", "from", "value")):
        if isinstance(row.get(key), list):
            return _messages(row[key], role_key, content_key)
    response = next((row[key] for key in _RESPONSES if row.get(key) is not None), None)
    if response is None or not ("prompt" in row or "instruction" in row):
        return []
    turns = _side(row.get("prompt", row.get("instruction")), "user")
    if isinstance(row.get("input"), str) and row["input"].strip():
        turns = [Turn("system", turn.content) for turn in turns] + [Turn("user", row["input"], is_text=True)]
    return turns + _side(response, "assistant")


def text_of(turn: Turn) -> str | None:
    r"""Return the text that a prompt marks, without what encloses it; None: it marks none.

    Example:
        >>> text_of(Turn("user", "Find all people.\nText: Ada sings.\nOutput:"))
        'Ada sings.'
    """
    if turn.is_text:
        return whole_text(turn)
    if (inner := _input_of(turn.content)) is not None:
        return inner
    if element := _ELEMENT.search(turn.content):
        return element["text"]
    if marks := list(_MARK.finditer(turn.content)):
        return _unquote(_CUE.sub("", turn.content[marks[-1].end() :]))
    blocks = list(_BLOCK.finditer(turn.content))
    return blocks[0]["text"] if len(blocks) == 1 else None


def _input_of(content: str) -> str | None:
    """Return the text in a prompt that is JSON: an instruction, a schema and the input; None: it is another prompt."""
    if not content.lstrip().startswith("{"):
        return None
    try:
        prompt = json.loads(content)
    except (ValueError, RecursionError):
        return None
    text = prompt.get("input") if isinstance(prompt, dict) and "instruction" in prompt else None
    return text if isinstance(text, str) else None


def whole_text(turn: Turn) -> str:
    """Return the whole message as a text."""
    return _unquote(turn.content)


def asked_type(question: str) -> str | None:
    """Return the entity type that a question asks for, or None.

    Example:
        >>> asked_type("What describes person in the text?"), asked_type('List entities of type "city".')
        ('person', 'city')
    """
    matches = (pattern.search(question) for pattern in _TYPES)
    return next((match[1].strip(" \"'`") for match in matches if match), None)


def _messages(values: list[Any], role_key: str, content_key: str) -> list[Turn]:
    turns = []
    for value in values:
        fields = value if isinstance(value, dict) else {}
        role = _ROLES.get(str(fields.get(role_key, fields.get("role", fields.get("from")))).lower())
        content = fields.get(content_key, fields.get("content", fields.get("value")))
        if isinstance(content, list):  # parts, as multimodal models have them
            content = "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        if role and isinstance(content, str):
            turns.append(Turn(role, content))
    return turns


def _side(value: Any, role: Role) -> list[Turn]:  # noqa: ANN401
    """Return one side of a record with a prompt and a response: a string, or messages."""
    if isinstance(value, list):
        return _messages(value, "role", "content")
    return [Turn(role, value)] if isinstance(value, str) else []


def _unquote(text: str) -> str:
    text = text.strip()
    for quote in _QUOTES:
        if text.startswith(quote) and text.endswith(quote) and len(text) >= 2 * len(quote):
            inner = text[len(quote) : -len(quote)]
            return inner.strip() if quote not in inner else text
    return text
