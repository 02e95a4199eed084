"""A sample of the dev sentences in a run's folder, for what is measured later, wherever the folder lies by then."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from nlptrain.atomic_files import write_text
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

FILE_NAME = "dev_sample.jsonl"
_SENTENCES, _WORDS = 500, 20_000  # at most


def write_dev_sample(folder: Path, dev: Sequence[Sentence]) -> None:
    """Write up to 500 of the ``dev`` sentences, evenly spread, with their tags, into a run's ``folder``."""
    lines, words = [], 0
    for sentence in dev[:: -(-len(dev) // _SENTENCES) or 1]:
        words += len(sentence.words)
        if words > _WORDS:
            break
        row = {"tokens": sentence.words, "tags": sentence.tags or ()}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_text(folder / FILE_NAME, "".join(lines))


def read_dev_sample(folder: Path) -> list[Sentence]:
    """The dev sentences that a run's ``folder`` holds; none if it has no sample.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return []
    sentences = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"), start=1):
            row = json.loads(line)
            words, tags = tuple(map(str, row["tokens"])), tuple(map(str, row["tags"]))
            if not words or len(words) != len(tags):
                raise ValueError(f"line {number} has {len(words)} words and {len(tags)} tags")
            sentences.append(Sentence(words, tags, f"{path}:{number}"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: is damaged ({type(error).__name__}: {str(error)[:100]}); remove it") from error
    return sentences
