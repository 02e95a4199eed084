"""The command that scores a model on gold files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptrain.cli.options import data_config, gold_options
from nlptrain.cli.output import echo_json, echo_line

if TYPE_CHECKING:
    from nlptrain.procedures.evaluation import Evaluation

_MAX_MISTAKES = 10  # that are printed


@click.command()
@click.argument("run")
@click.argument("data", nargs=-1, required=True)
@gold_options("DATA")
@click.option("--device", default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(
    run: str,
    data: tuple[str, ...],
    data_format: str,
    words_column: str | None,
    tags_column: str | None,
    sentences_column: str | None,
    scheme: str,
    device: str,
    as_json: bool,
) -> None:
    """Score a model on gold files.

    \b
    Reads   RUN: a run's folder, a model's or an exported one; DATA: gold files.
    Writes  the scores, overall and per type (seqeval's entity F1, or accuracy for
            plain tags), the most frequent mistakes, and the expected calibration
            error (15 bins) by word and by predicted entity, to standard output.

    Example: nlptrain evaluate runs/demo/tagger_kd runs/demo/data/test.conll
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import evaluate as evaluate_files

    settings = data_config(data_format, words_column, tags_column, sentences_column, scheme)
    evaluation = evaluate_files(
        run, data, settings, device=device, log=lambda text: echo_line(f"note: {text}", err=True)
    )
    if as_json:
        echo_json(evaluation.to_json())
    else:
        _print_evaluation(evaluation)


def _print_evaluation(evaluation: Evaluation) -> None:
    scores = evaluation.scores.to_json()
    echo_line(
        f"{scores['metric']} {scores[scores['metric']]:.4f} "
        f"on {scores['sentences']:,} sentences, {scores['words']:,} words"
    )
    for name, row in scores["types"].items():
        echo_line(
            f"  {name:20} precision {row['precision']:.4f}  recall {row['recall']:.4f}  "
            f"f1 {row['f1']:.4f}  support {row['support']:,}"
        )
    if kinds := evaluation.confusion.to_json().get("spans"):
        echo_line("entities: " + ", ".join(f"{count:,} {kind}" for kind, count in kinds.items()))
    if mistakes := evaluation.confusion.mistakes():
        echo_line("most frequent mistakes (gold -> predicted; - is no entity):")
        for gold, predicted, count in mistakes[:_MAX_MISTAKES]:
            echo_line(f"  {count:6,}  {gold} -> {predicted}")
    echo_line(f"calibration: {evaluation.calibration.describe()} (temperature {evaluation.temperature:.2f})")
