"""The command that scores a model on gold files: evaluate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nlptrain.cli.options import data_config, gold_options
from nlptrain.cli.output import echo_json, echo_line
from nlptrain.errors import InputError

if TYPE_CHECKING:
    from nlptrain.data.corpus import Corpus
    from nlptrain.data.labels import Labels
    from nlptrain.run.run import Run
    from nlptrain.training.calibration import CalibrationErrors
    from nlptrain.training.evaluation import Confusion
    from nlptrain_runtime import Tagged

_BLOCK = 1024  # sentences that are in memory at once
_MISTAKES = 10  # shown


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
    """Score a model on gold files: seqeval's entity F1, or accuracy for plain tags.

    \b
    Reads   RUN: a run's folder, a model's or an exported one; DATA: gold files.
    Writes  the scores, overall and per type, what was taken for what, and the
            expected calibration error: how far confidences are from the share
            that is right (15 bins), by word and by predicted entity, to
            standard output.

    Example: nlptrain evaluate runs/demo/tagger_kd runs/demo/data/test.conll
    """  # noqa: D301 - click reads the character
    from nlptrain.data.corpus import Corpus
    from nlptrain.run.run import Run

    settings = data_config(data_format, words_column, tags_column, sentences_column, scheme)
    labels, temperature, tag = _asked(run, Run(None, device=device))
    corpus = Corpus(data, settings, log=lambda text: echo_line(f"note: {text}", err=True))
    scores, errors, mistakes = _measured(labels, tag, corpus)
    if as_json:
        calibration = {"temperature": temperature, **errors.to_json()}
        echo_json({**scores, "calibration": calibration, "confusion": mistakes.to_json()})
    else:
        _echo_scores(scores, mistakes)
        echo_line(f"expected calibration error: {errors.describe()} (temperature {temperature:.3f})")


Tag = Callable[[Sequence[tuple[str, ...]]], "list[Tagged]"]


def _asked(run: str, context: Run) -> tuple[Labels, float, Tag]:
    """The labels, the temperature and what tags words of the model in ``run``, or of the exported tagger."""
    from nlptrain_runtime.folder import DESCRIPTION

    if (Path(run) / DESCRIPTION).is_file():
        from nlptrain.data.labels import Labels
        from nlptrain_runtime import FolderError, Tagger

        try:
            tagger = Tagger(run)
        except FolderError as error:
            raise InputError(str(error)) from error
        return Labels.from_names(tagger.labels, tagger.scheme), tagger.temperature, tagger.predict_words
    from nlptrain.models import load_token_model
    from nlptrain.models.confidence import tag_with_confidence

    model = load_token_model(run)
    model.to(context.device)
    return model.labels, model.temperature, lambda sentences: tag_with_confidence(model, sentences)


def _measured(labels: Labels, tag: Tag, corpus: Corpus) -> tuple[dict[str, Any], CalibrationErrors, Confusion]:
    """The scores of what ``tag`` answers, a block of sentences at a time."""
    from nlptrain.data.converting import scheme_of_files
    from nlptrain.data.labels import convert_scheme
    from nlptrain.data.tag_schemes import check_tag_sequences
    from nlptrain.training.calibration import CalibrationTally
    from nlptrain.training.evaluation import ScoreTally, confusion

    written = scheme_of_files(corpus)
    scores, errors, mistakes = ScoreTally(labels.scheme), CalibrationTally(labels.scheme), None
    rest = iter(corpus)
    while block := list(islice(rest, _BLOCK)):
        check_tag_sequences([(block, written)])
        block = convert_scheme(block, written, labels)
        answers = tag([sentence.words for sentence in block])
        gold = [sentence.tags or () for sentence in block]
        tags = [answer.tags for answer in answers]
        scores.add(gold, tags)
        errors.add(gold, answers)
        found = confusion(gold, tags, labels.scheme)
        mistakes = found if mistakes is None else mistakes + found
    assert mistakes is not None, "a gold file has a sentence"
    return scores.scores().to_json(), errors.errors(), mistakes


def _echo_scores(scores: dict[str, Any], mistakes: Confusion) -> None:
    echo_line(
        f"{scores['metric']} {scores[scores['metric']]:.4f} "
        f"on {scores['sentences']:,} sentences, {scores['words']:,} words"
    )
    for name, row in scores["types"].items():
        echo_line(
            f"  {name:20} precision {row['precision']:.4f}  recall {row['recall']:.4f}  "
            f"f1 {row['f1']:.4f}  support {row['support']:,}"
        )
    if kinds := mistakes.to_json().get("spans"):
        echo_line("entities: " + ", ".join(f"{count:,} {kind}" for kind, count in kinds.items()))
    if wrong := mistakes.mistakes():
        echo_line("most frequent mistakes (gold -> predicted; - stands for none):")
        for gold, predicted, count in wrong[:_MISTAKES]:
            echo_line(f"  {count:6,}  {gold} -> {predicted}")
