"""One straight story per training command; each leaves the trained model and its scores in the run's folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from nlptrain.config.objective import DistillConfig, PseudoLabelConfig
from nlptrain.config.train import TrainConfig
from nlptrain.data.corpus import Sentence
from nlptrain.data.splits import Splits
from nlptrain.distillation.objectives import DistillObjective, PseudoLabelObjective
from nlptrain.distillation.pseudo_labels import pseudo_label_sentences
from nlptrain.distillation.transfer_set import LogitStore, TransferSet
from nlptrain.errors import InputError
from nlptrain.models.token_model import TokenModel
from nlptrain.run import Run
from nlptrain.run_folder import write_json
from nlptrain.training.evaluation import Scores, evaluate
from nlptrain.training.examples import Examples
from nlptrain.training.loop import Fit, fit
from nlptrain.training.objective import GoldObjective


def train_on_gold(model: TokenModel, splits: Splits, config: TrainConfig, run: Run) -> dict[str, Any]:
    """Train ``model``, teacher or student, on the gold tags alone; the story of transformer_token and of tagger.

    Returns:
        What ``scores.json`` holds.
    """
    examples = Examples(model, splits.train, word_parts=config.word_parts)
    run.say(f"training on {examples.sentences:,} gold sentences, {examples.words:,} words")
    done = fit(model, examples, splits.dev, GoldObjective(), config, run)
    return _finish(model, splits, done, run)


train_transformer = train_on_gold
train_tagger = train_on_gold


def distil_tagger(
    student: TokenModel,
    teacher: TokenModel,
    splits: Splits,
    raw: Iterable[Sentence],
    objective: DistillConfig,
    config: TrainConfig,
    run: Run,
    *,
    transfer_dir: Path,
) -> dict[str, Any]:
    """Train ``student`` on the gold tags and on the logits of ``teacher``, which runs once and then leaves the device.

    Args:
        student: with the teacher's labels in their order.
        teacher: a token classifier.
        splits: gold sentences.
        raw: unlabelled sentences; may be empty.
        objective: the loss.
        config: length, batches, optimizer.
        run: where all this happens.
        transfer_dir: where the teacher's logits are kept for all runs.

    Returns:
        What ``scores.json`` holds.
    """
    _refuse_other_labels(student, teacher, splits)
    transfer, taught = _transfer_set(teacher, splits, raw, run, transfer_dir)
    sentences = chain(splits.train, map(transfer.sentence, range(len(splits.train), len(transfer))))
    examples = Examples(student, sentences, logits=transfer, word_parts=config.word_parts)
    raws = examples.sentences - len(splits.train)
    run.say(f"training on {len(splits.train):,} gold and {raws:,} raw sentences, {examples.words:,} words")
    done = fit(student, examples, splits.dev, DistillObjective(objective), config, run)
    return _finish(student, splits, done, run, teacher=taught)


def pseudo_label(
    student: TokenModel,
    teacher: TokenModel,
    splits: Splits,
    raw: Iterable[Sentence],
    objective: PseudoLabelConfig,
    config: TrainConfig,
    run: Run,
    *,
    transfer_dir: Path,
) -> dict[str, Any]:
    """Train ``student`` on the gold tags and on raw text tagged by the argmax of ``teacher``; arguments as above."""
    gold = len(splits.train)
    _refuse_other_labels(student, teacher, splits)
    transfer, taught = _transfer_set(teacher, splits, raw, run, transfer_dir)
    path = None if run.folder is None else run.folder / "pseudo_labels.jsonl"
    labelled = pseudo_label_sentences(
        transfer.behind(gold), teacher.labels, min_confidence=objective.min_confidence, path=path
    )
    noun = "words" if teacher.labels.scheme == "plain" else "entities"
    run.say(
        f"pseudo labels: {len(labelled.sentences):,} sentences kept, {labelled.left_out:,} left out for "
        f"{labelled.doubtful:,} of {labelled.entities:,} {noun} below a confidence of {objective.min_confidence}"
    )
    examples = Examples(student, [*splits.train, *labelled.sentences], pseudo_from=gold, word_parts=config.word_parts)
    run.say(
        f"training on {gold:,} gold and {len(labelled.sentences):,} pseudo-labelled sentences, {examples.words:,} words"
    )
    done = fit(student, examples, splits.dev, PseudoLabelObjective(objective), config, run)
    return _finish(student, splits, done, run, teacher=taught)


def _refuse_other_labels(student: TokenModel, teacher: TokenModel, splits: Splits) -> None:
    for name, labels in (("student", student.labels), ("data", splits.labels)):
        if labels.names != teacher.labels.names:
            raise InputError(
                f"{name}: its labels are {', '.join(labels.names)}, the teacher's {', '.join(teacher.labels.names)}; "
                "the order counts, too: read the data and build the student with teacher.labels"
            )


def _transfer_set(
    teacher: TokenModel, splits: Splits, raw: Iterable[Sentence], run: Run, folder: Path
) -> tuple[TransferSet, dict[str, Any]]:
    """The stored logits of all train and raw sentences, in this order, and the teacher's own scores."""
    teacher.to(run.device)
    store = LogitStore(folder, teacher)
    digests: list[bytes] = []

    def noted() -> Iterator[Sentence]:
        for sentence in chain(splits.train, raw):
            digests.append(sentence.digest())
            yield sentence

    run.say(store.label(noted(), teacher, run).describe())
    scores = {"name": teacher.name, "key": store.key, "parameters": teacher.parameters(), **_scores(teacher, splits)}
    teacher.to("cpu")
    return store.transfer_set(digests), scores


def _scores(model: TokenModel, splits: Splits) -> dict[str, Any]:
    scored: dict[str, Scores] = {"dev": evaluate(model, splits.dev)}
    if splits.test:
        scored["test"] = evaluate(model, splits.test)
    return {split: scores.to_json() for split, scores in scored.items()}


def _finish(
    model: TokenModel, splits: Splits, done: Fit, run: Run, teacher: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Score the best weights, save them, and write the scores last: they are what marks a run as finished."""
    scores = {
        **_scores(model, splits),
        "parameters": model.parameters(),
        "steps": done.steps,
        "best_step": done.best_step,
        "seconds": round(done.seconds, 1),
        **({"teacher": teacher} if teacher else {}),
    }
    if run.folder is not None:
        part = run.folder / "model.part"
        shutil.rmtree(part, ignore_errors=True)
        model.save(part)
        shutil.rmtree(run.folder / "model", ignore_errors=True)
        part.rename(run.folder / "model")
        scores["bytes"] = sum(file.stat().st_size for file in (run.folder / "model").iterdir())
        write_json(run.folder / "scores.json", {**scores, **run.provenance})
        (run.folder / "checkpoint.safetensors").unlink(missing_ok=True)
    return scores
