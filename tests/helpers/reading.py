"""Read files of gold sentences as a run does, with the report of what was repaired and skipped."""

from __future__ import annotations

import json
from pathlib import Path

from nlptrain.config.formats import FORMATS
from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.sniffing import sniff_format
from nlptrain.data.sentence import Sentence


def read_file(path: Path, expected: str, context: ReadContext | None = None) -> tuple[list[Sentence], ReadContext]:
    """Return the sentences of a file that must be recognized as the format ``expected``, and the context."""
    assert sniff_format(path) == expected
    context = context or ReadContext()
    return list(FORMATS.load(expected, FORMATS[expected].read)(path, context)), context


def read_rows(
    folder: Path, expected: str, *rows: object, name: str = "a.jsonl", context: ReadContext | None = None
) -> tuple[list[Sentence], ReadContext]:
    """Write ``rows`` as JSON Lines, or as a list if ``name`` ends in ``.json``, and read them."""
    path = folder / name
    lines = json.dumps(rows) if name.endswith(".json") else "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(lines, encoding="utf-8")
    return read_file(path, expected, context)


def entities_of(sentence: Sentence) -> list[str]:
    """Return the entities of a sentence as ``TYPE: WORDS``."""
    entities: list[str] = []
    for word, tag in zip(sentence.words, sentence.tags or (), strict=True):
        if tag.startswith("B-"):
            entities.append(f"{tag[2:]}: {word}")
        elif tag.startswith("I-"):
            entities[-1] += f" {word}"
    return entities


def faults_of(context: ReadContext) -> list[tuple[str, str, int]]:
    """Return the causes of a report: what was done, the cause, and how often."""
    return [(cause.action, cause.text, cause.count) for cause in context.report.causes]
