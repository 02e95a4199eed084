"""Tag raw text and rows of files."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nlptrain.data.raw_text import has_rows, read_raw_texts, read_rows
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError, Setting, path_suggestion, suggestion
from nlptrain.models import load_token_model
from nlptrain.models.prediction import predict, predict_columns, predict_rows
from nlptrain.run.run import Run
from nlptrain_runtime.confidence import PredictionCounts
from nlptrain_runtime.text_stream import NotUTF8, decode_lines


@dataclass(frozen=True)
class FilePredictions:
    """Predictions for files, made while they are read.

    Attributes:
        lines: the texts to print, one line or one sentence each.
        tally: the predictions that ``lines`` has kept and left out so far.
    """

    lines: Iterator[str]
    tally: PredictionCounts


def predict_files(
    model: str,
    files: Sequence[str] = (),
    *,
    output_format: Literal["jsonl", "conll"] = "jsonl",
    pretokenized: bool = False,
    min_confidence: Mapping[str, float] | None = None,
    device: str = "auto",
) -> FilePredictions:
    """Tag the lines, or the rows, of ``files``.

    Args:
        model: the folder of a run or of a model, or a Hub name.
        files: raw text, or files of rows; ``-`` and no files: standard input.
        output_format: ``jsonl``: a JSON object per line or row; ``conll``: a word, a tab and a tag per line.
        pretokenized: whether spaces separate the words.
        min_confidence: the lowest confidence of the entities that are kept, by type; "" for all other types.
        device: where the model computes.

    Raises:
        InputError: the model cannot be read, or has not the types of ``min_confidence``; later, while the lines are
            read: a file cannot be read.
    """
    run = Run(None, device=device)
    token_model = load_token_model(model)
    token_model.to(run.device)
    limits = dict(min_confidence or {})
    _check_types(limits, token_model.labels.types)
    tally = PredictionCounts()
    options: dict[str, Any] = {
        "splitter": WordSplitter.pretokenized() if pretokenized else None,
        "min_confidence": limits,
        "tally": tally,
    }

    def lines() -> Iterator[str]:
        # In a terminal, each line is tagged at once; files and pipes are read in blocks, which is faster.
        is_interactive = not files and sys.stdin.isatty()
        for file in files or ("-",):
            if file != "-" and output_format == "jsonl" and has_rows(Path(file)):
                yield from map(_to_json, predict_rows(token_model, read_rows(_existing(file)), **options))
                continue
            texts = _standard_input() if file == "-" else read_raw_texts(_existing(file))
            for block in ([text] for text in texts) if is_interactive else [texts]:
                if output_format == "conll":
                    yield from predict_columns(token_model, block, **options)
                else:
                    yield from map(_to_json, predict(token_model, block, **options))

    return FilePredictions(lines(), tally)


def _check_types(limits: Mapping[str, float], types: Sequence[str]) -> None:
    for name in limits:
        if name and name not in types:
            raise InputError(
                f"found the type {name!r}",
                location=Setting("min_confidence"),
                expected=f"one of the model's types: {', '.join(types)}",
                hint=suggestion(name, types),
            )


def _existing(file: str) -> Path:
    path = Path(file)
    if not path.is_file():
        raise InputError("there is no such file", location=file, hint=path_suggestion(path))
    return path


def _standard_input() -> Iterator[str]:
    try:
        yield from decode_lines(sys.stdin.buffer, "standard input")
    except NotUTF8 as error:
        raise InputError(str(error)) from error


def _to_json(row: dict[str, Any]) -> str:
    """Return ``row`` as a line of JSON; NaN and infinity, which JSON does not have, become null."""
    try:
        return json.dumps(row, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        return json.dumps(_without_nan(row), ensure_ascii=False, default=str)


def _without_nan(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
