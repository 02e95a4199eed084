"""The command that tags raw text: predict."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from nlptrain.cli.options import Choice
from nlptrain.cli.output import echo_data, echo_line
from nlptrain.errors import InputError
from nlptrain.suggestions import suggest, suggest_path


@click.command()
@click.argument("run")
@click.argument("files", nargs=-1)
@click.option(
    "--format",
    "answer_format",
    default="jsonl",
    show_default=True,
    type=Choice(["jsonl", "conll"]),
    help="jsonl: an object a line; conll: a word, a tab and a tag a line.",
)
@click.option("--pretokenized", is_flag=True, help="The words of each line are already separated by spaces.")
@click.option(
    "--min-confidence",
    "least",
    multiple=True,
    metavar="P|TYPE=P",
    help="Leave out entities of a lower confidence, as it is shown (0 to 1), of all types or of one, given as often as "
    "there are types. conll: their words are O. A plain tag below it is null; conll: _.",
)
@click.option("--device", default="auto", show_default=True)
def predict(
    run: str, files: tuple[str, ...], answer_format: str, pretokenized: bool, least: tuple[str, ...], device: str
) -> None:
    """Tag raw text, a line or a row at a time.

    \b
    Reads   RUN: a run's folder or a model's; FILES, or standard input; UTF-8.
    Writes  one JSON object for each line, blank ones too, to standard output:
            {"text", "entities": [{"start", "end", "label", "text", "confidence"}]}
            or, for plain tags, {"text", "words": [{..., "tag", "confidence"}]}.
            Offsets count code points. A confidence is the probability of the tag, an
            entity's the least of its words', at the temperature that training
            fitted on dev. With --format conll: the words of each line and
            their tags (IOB2), a blank line behind each; lines without a word are left out.
            A row of FILES named .jsonl, .json, .csv, .parquet or .arrow keeps its columns,
            ids among them: its text is tagged as one or, without it, its tokens, to tags.

    Example: echo "Ada Lovelace lived in London." | nlptrain predict runs/demo/tagger_kd
    """  # noqa: D301 - click reads the character
    from nlptrain.atomic_files import write_errors
    from nlptrain.data.raw_text import has_rows
    from nlptrain.data.word_splitter import WordSplitter
    from nlptrain.models import load_token_model
    from nlptrain.models.prediction import predict as predict_texts
    from nlptrain.models.prediction import predict_columns, predict_rows
    from nlptrain.run.run import Run
    from nlptrain_runtime.predictions import Tally

    context = Run(None, device=device)
    model = load_token_model(run)
    model.to(context.device)
    how: dict[str, Any] = {
        "splitter": WordSplitter.pretokenized() if pretokenized else None,
        "min_confidence": _least(least, model.labels.types),
        "tally": (tally := Tally()),
    }
    with write_errors("standard output"):
        for file in files or ("-",):
            if file != "-" and has_rows(Path(file)) and answer_format == "jsonl":
                for answer in predict_rows(model, _rows(file), **how):
                    echo_data(_json(answer))
                continue
            texts = _texts(file)
            # Who types waits for an answer to each line; blocks of lines, which are faster, are for files and pipes.
            for part in ([text] for text in texts) if not files and sys.stdin.isatty() else [texts]:
                if answer_format == "conll":
                    for block in predict_columns(model, part, **how):
                        echo_data(block)
                    continue
                for answer in predict_texts(model, part, **how):
                    echo_data(json.dumps(answer, ensure_ascii=False))
    if tally.left_out and not tally.kept:
        echo_line(
            f"note: --min-confidence left out all {tally.left_out:,} that were found; without it, they are shown with "
            "their confidences",
            err=True,
        )


def _json(row: dict[str, Any]) -> str:
    """A row with what other columns held; JSON has no word for what is no number, and null says so."""
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


def _least(given: tuple[str, ...], types: Sequence[str]) -> float | dict[str, float]:
    """The confidence that each type must have, "" standing for all others."""
    found: dict[str, float] = {}
    for one in given:
        name, _, number = one.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            found[name] = -1.0
        if not 0 <= found[name] <= 1:
            raise InputError(f"--min-confidence: found {one!r}; must be a number from 0 to 1, or TYPE=NUMBER")
        if name and name not in types:
            hint = suggest(name, types)
            raise InputError(f"--min-confidence: found the type {name!r}; the model knows {', '.join(types)}{hint}")
    return found


def _rows(file: str) -> Iterator[dict[str, Any]]:
    from nlptrain.data.raw_text import read_rows

    if not Path(file).is_file():
        raise InputError(f"{file}: there is no such file{suggest_path(Path(file))}")
    return read_rows(Path(file))


def _texts(file: str) -> Iterator[str]:
    from nlptrain.data.raw_text import read_raw_texts

    if file == "-":
        return _standard_input()
    if not Path(file).is_file():
        raise InputError(f"{file}: there is no such file{suggest_path(Path(file))}")
    return read_raw_texts(Path(file))


def _standard_input() -> Iterator[str]:
    from nlptrain_runtime.text_stream import NotUTF8, decoded

    try:
        yield from decoded(sys.stdin.buffer, "standard input")
    except NotUTF8 as error:
        raise InputError(str(error)) from error
