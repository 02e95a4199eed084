import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from nlptrain.config.objectives import SelectionMetric
from nlptrain.config.train import TrainConfig, TransformerTrainConfig
from nlptrain.data.batching import BatchPlan, Oversampling
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError, Interrupted
from nlptrain.models import TokenModel, TransformerTokenClassifier
from nlptrain.models.heads import WordOutput
from nlptrain.run.checksums import save_tensors
from nlptrain.run.run import Run
from nlptrain.training import (
    Examples,
    Loss,
    Scores,
    SupervisedObjective,
    Targets,
    fit,
    model_selection,
    score_model,
    train_steps,
)
from nlptrain.training.checkpoint import Progress, TrainState
from nlptrain.training.evaluation import evaluate_tags
from nlptrain.training.loop import build_plan, planned_sentences, steps_between_evaluations
from nlptrain.training.optimizer import MovingAverage, learning_rate
from tests.helpers.commands import read_metrics
from tests.helpers.corpora import LABELS, make_sentences
from tests.helpers.training import SENTENCES, config, sgd_steps, student


def test_gradients_are_unscaled_before_clipping(tiny_bert: Path) -> None:
    moved = []
    for scaler in (None, torch.amp.GradScaler("cpu", init_scale=1024.0)):
        model = student(tiny_bert)
        optimizer = torch.optim.SGD(model.model.parameters(), lr=1.0)
        average = MovingAverage(list(model.model.parameters()), 0.0)
        state = TrainState(model.model, optimizer, average, Progress(), {}, scaler)
        run = Run(None, device="cpu")
        run.accelerator.scaler = scaler
        settings = config(batch_sentences=12, clip_norm=0.01, learning_rate=1.0)
        examples = Examples(model, [sentence for sentence in SENTENCES if sentence.tags])
        plan, _ = build_plan(examples, settings, 0)
        list(train_steps(model, examples, SupervisedObjective(), settings, state=state, plan=plan, steps=1, run=run))
        ends = zip(model.model.parameters(), student(tiny_bert).model.parameters(), strict=True)
        moved.append(torch.cat([(end - start).detach().flatten() for end, start in ends]))
    assert moved[0].norm().item() == pytest.approx(0.01, rel=1e-3)
    assert torch.allclose(moved[0], moved[1], atol=1e-7)


@pytest.mark.parametrize("distill", [False, True])
@pytest.mark.parametrize("micro_batches", [3, 6, 12])
def test_gradients_do_not_depend_on_micro_batches(tiny_bert: Path, distill: bool, micro_batches: int) -> None:
    whole, losses, _ = sgd_steps(tiny_bert, config(batch_sentences=12, clip_norm=1e6), distill=distill)
    cut, others, _ = sgd_steps(
        tiny_bert, config(batch_sentences=12, clip_norm=1e6, micro_batches=micro_batches), distill=distill
    )
    assert losses == pytest.approx(others, abs=1e-10)
    start = student(tiny_bert)
    moved = 0.0
    for expected, actual, before in zip(
        whole.model.parameters(), cut.model.parameters(), start.model.parameters(), strict=True
    ):
        assert torch.allclose(expected, actual, atol=1e-10, rtol=0)
        moved += (expected - before).abs().sum().item()
    assert moved > 0.1


def test_checkpoints_with_the_older_metric_name_are_read(tiny_bert: Path, tmp_path: Path) -> None:
    model = student(tiny_bert).model
    average = MovingAverage(list(model.parameters()), 0.0)
    saved = TrainState(model, torch.optim.AdamW(model.parameters()), average, Progress(3, 2, 0.5, -0.25), {})
    saved.save(tmp_path / "checkpoint.safetensors", "")
    with safe_open(tmp_path / "checkpoint.safetensors", framework="pt") as file:
        progress = file.metadata()["progress"].replace("best_selection_metric", "best_merit")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_tensors(tmp_path / "older.safetensors", tensors, {"progress": progress, "run": ""})
    assert "best_merit" in progress
    saved.progress = Progress()
    saved.load(tmp_path / "older.safetensors")
    assert saved.progress == Progress(3, 2, 0.5, -0.25)


def test_the_loss_is_a_mean_over_the_words_of_the_step(tiny_bert: Path) -> None:
    model = student(tiny_bert)
    tagged = [Sentence(words, tags) for words, tags in make_sentences(6, 9)]
    examples = Examples(model, tagged)
    run = Run(None, device="cpu")
    settings = config(batch_sentences=6)
    state = TrainState(
        model.model, torch.optim.SGD(model.model.parameters(), lr=0.0), MovingAverage([], 0.0), Progress(), {}
    )
    plan, _ = build_plan(examples, settings, 0)
    logits = [torch.from_numpy(values) for values in model.logits([s.words for s in tagged])]
    (step,) = train_steps(model, examples, SupervisedObjective(), settings, state=state, plan=plan, steps=1, run=run)
    total = sum(
        torch.nn.functional.cross_entropy(values, torch.tensor([LABELS.ids[t] for t in s.tags or ()]), reduction="sum")
        for values, s in zip(logits, tagged, strict=True)
    )
    assert step.words == sum(len(s.words) for s in tagged)
    assert float(step.losses["loss"]) == pytest.approx(float(total) / step.words, abs=1e-5)


@pytest.mark.slow
def test_ten_sentences_are_overfitted(tiny_bert: Path) -> None:
    tagged = [Sentence(words, tags) for words, tags in make_sentences(10, 11)]
    model = student(tiny_bert)
    fit(
        model,
        Examples(model, tagged),
        tagged,
        SupervisedObjective(),
        config(steps=150, learning_rate=0.02, ema=0.0, eval_every=150),
        Run(None, device="cpu"),
    )
    assert score_model(model, tagged).value == 1.0
    teacher = TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    settings = config(steps=120, learning_rate=0.005, ema=0.0, eval_every=120, batch_sentences=10)
    fit(teacher, Examples(teacher, tagged), tagged, SupervisedObjective(), settings, Run(None, device="cpu"))
    assert score_model(teacher, tagged).value == 1.0


def train(tiny_bert: Path, folder: Path, stop_at: int | None = None, *, scaled: bool = False) -> TokenModel:
    """Train with dropout, word dropout, EMA and evaluation; optionally stopped by a signal at a step."""
    folder.mkdir(exist_ok=True)
    run = Run(folder, device="cpu", seed=3)
    if scaled:
        run.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=4)
    tagged = [Sentence(words, tags) for words, tags in make_sentences(40, 12)]
    model = student(tiny_bert, dropout=0.3)
    settings = TrainConfig.model_validate(
        {"steps": 23, "batch_subwords": 120, "warmup_steps": 5, "eval_every": 6, "log_every": 4}
    )
    if stop_at is not None:
        checks = iter(range(1, 1000))

        def check() -> None:
            if next(checks) == stop_at:
                raise Interrupted(15)

        run.check_interrupted = check  # type: ignore[method-assign]
        with pytest.raises(Interrupted):
            fit(model, Examples(model, tagged), tagged[:9], SupervisedObjective(), settings, run)
    else:
        fit(model, Examples(model, tagged), tagged[:9], SupervisedObjective(), settings, run)
    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stop_at", "scaled"), [(1, False), (6, False), (7, False), (14, True), (22, False), (23, False)]
)
def test_a_resumed_run_equals_an_uninterrupted_one(tiny_bert: Path, tmp_path: Path, stop_at: int, scaled: bool) -> None:
    straight = train(tiny_bert, tmp_path / "straight", scaled=scaled)
    train(tiny_bert, tmp_path / "stopped", stop_at, scaled=scaled)
    # Lines after the checkpoint, as from a killed run, are removed.
    with (tmp_path / "stopped" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99}\n{"st')
    resumed = train(tiny_bert, tmp_path / "stopped", scaled=scaled)
    for expected, actual in zip(straight.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(expected, actual)
    assert read_metrics(tmp_path / "straight") == read_metrics(tmp_path / "stopped")


@pytest.mark.slow
def test_a_resumed_run_keeps_its_number_of_steps(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = train(tiny_bert, tmp_path / "straight")
    train(tiny_bert, tmp_path / "stopped", 14)
    monkeypatch.setattr("nlptrain.training.loop.planned_steps", lambda plan, config: 12)  # as another version might
    resumed = train(tiny_bert, tmp_path / "stopped")
    for expected, actual in zip(straight.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(expected, actual)
    assert read_metrics(tmp_path / "straight") == read_metrics(tmp_path / "stopped")


def test_error_if_a_checkpoint_has_no_checksum(tiny_bert: Path, tmp_path: Path) -> None:
    train(tiny_bert, tmp_path, 14)
    checkpoint = tmp_path / "checkpoint.safetensors"
    with safe_open(checkpoint, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
        metadata = file.metadata()
    del metadata["sha256"]
    save_file(tensors, checkpoint, metadata=metadata)
    with pytest.raises(InputError, match="has no checksum, as in an earlier version"):
        train(tiny_bert, tmp_path)
    assert checkpoint.is_file()


def test_the_best_weights_are_kept_and_ties_go_to_the_later(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tagged = [Sentence(words, tags) for words, tags in make_sentences(20, 13)]
    model = student(tiny_bert)
    evaluated_weights: list[torch.Tensor] = []
    scores = iter([0.2, 0.9, 0.9, 0.4])

    def fake(*_: object, metric: str | None = None) -> Scores:
        evaluated_weights.append(model.model.head.weight.detach().clone())
        return Scores("f1", next(scores), 1, 1)

    monkeypatch.setattr(model_selection, "evaluate_tags", fake)
    done = fit(
        model,
        Examples(model, tagged),
        tagged,
        SupervisedObjective(),
        config(steps=8, eval_every=2, ema=0.5),
        Run(None, device="cpu"),
    )
    assert (done.best_step, done.best_score) == (6, 0.9)
    assert torch.equal(model.model.head.weight, evaluated_weights[2])
    assert not torch.equal(evaluated_weights[2], evaluated_weights[1])
    assert not torch.equal(evaluated_weights[2], evaluated_weights[3])


@pytest.mark.parametrize(("selection_metric", "kept"), [("score", 4), ("divergence", 6)])
def test_the_selection_metric_chooses_the_best_weights(
    selection_metric: SelectionMetric, kept: int, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged = [Sentence(words, tags) for words, tags in make_sentences(20, 13)]
    model = student(tiny_bert)
    scores, distances = iter([0.2, 0.9, 0.4, 0.8]), iter([0.5, 0.4, 0.1, 0.3])
    monkeypatch.setattr(
        "nlptrain.training.model_selection.evaluate_tags", lambda *_, **__: Scores("f1", next(scores), 1, 1)
    )
    monkeypatch.setattr("nlptrain.training.model_selection.divergence", lambda *_: next(distances))
    run = Run(tmp_path, device="cpu")
    settings = config(steps=8, eval_every=2, log_every=8)
    examples = Examples(model, tagged)
    done = fit(
        model,
        examples,
        tagged,
        SupervisedObjective(),
        settings,
        run,
        teacher_logits=[],
        selection_metric=selection_metric,
    )
    assert (done.best_step, done.best_score) == (kept, {4: 0.9, 6: 0.4}[kept])
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["dev_divergence"] for line in lines if "dev_f1" in line] == [0.5, 0.4, 0.1, 0.3]


def test_averaged_weights_are_scored_and_not_trained() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    average = MovingAverage([weight], 0.5)
    with torch.no_grad():
        weight.fill_(1.0)
    average.update(1)  # decay min(0.5, 2 / 11): 1 + 2/11 * (0 - 1) = 9/11
    average.swap()
    assert weight.item() == pytest.approx(9 / 11)
    average.swap()
    assert weight.item() == 1.0


def test_learning_rate_schedule() -> None:
    settings = TrainConfig.model_validate({"learning_rate": 1.0, "warmup_steps": 10})
    assert [learning_rate(step, 110, settings) for step in (0, 9, 10, 60)] == pytest.approx([0.1, 1.0, 1.0, 0.5])
    assert learning_rate(109, 110, settings) < 0.001
    assert learning_rate(4, 10, settings) == 1.0  # never more than half of the steps warm up


def test_dropout_replaces_subwords_but_no_special_tokens(tiny_bert: Path) -> None:
    featurizer = student(tiny_bert).featurizer
    torch.manual_seed(0)
    ids = torch.randint(5, 60, (100, 200))
    ids[:, 0], ids[:, -1] = 2, 3
    ids_after_dropout = featurizer.word_dropout({"input_ids": ids}, 0.03)["input_ids"]  # 1 is [UNK]
    assert (ids_after_dropout[:, 1:-1] == 1).float().mean().item() == pytest.approx(0.03, abs=0.005)
    assert torch.equal(ids_after_dropout[:, [0, -1]], ids[:, [0, -1]])


def test_each_epoch_has_every_sequence_once() -> None:
    lengths = np.random.default_rng(0).integers(3, 90, 1000)
    plan = BatchPlan(lengths, subwords=400, sentences=None, seed=5)
    for epoch in range(3):
        batches = plan.epoch(epoch)
        assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
        assert all(lengths[batch].max() * len(batch) <= 400 for batch in batches)
        assert sum(lengths[b].max() * len(b) for b in batches) < 1.15 * lengths.sum()  # little padding
    assert not np.array_equal(plan.epoch(0)[0], plan.epoch(1)[0])


def test_the_batch_of_any_step_is_computed_directly() -> None:
    lengths = np.random.default_rng(0).integers(3, 90, 300)
    straight = BatchPlan(lengths, subwords=400, sentences=None, seed=5)
    steps = [straight.batch(step) for step in range(150)]
    for step in (149, 3, 77):
        epoch, batch = BatchPlan(lengths, subwords=400, sentences=None, seed=5).batch(step)
        assert epoch == steps[step][0]
        assert np.array_equal(batch, steps[step][1])
    assert steps[149][0] > 0


def test_all_words_of_long_sentences_are_trained_on(tiny_bert: Path) -> None:
    words = tuple("Ada lives in Oslo .".split() * 60)
    tags = tuple("B-person O O B-place O".split() * 60)
    model = TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    examples = Examples(model, [Sentence(words, tags)])
    assert len(examples) > 4  # windows
    targets = examples.targets(list(range(len(examples))))
    assert [LABELS.names[i] for i in targets.gold] == list(tags)
    assert score_model(model, [Sentence(words, tags)]).words == 300


def test_a_nan_loss_ends_the_run(tiny_bert: Path) -> None:
    class Broken:
        def loss(self, words: WordOutput, targets: Targets) -> Loss:
            return Loss({"gold": words.logits.sum() * float("nan")})

    model = student(tiny_bert)
    settings = TrainConfig.model_validate({"steps": 20, "warmup_steps": 1, "log_every": 5})
    examples = Examples(model, [Sentence(words, tags) for words, tags in make_sentences(10, 1)])
    with pytest.raises(InputError, match="train: the loss is nan after step 5"):
        fit(model, examples, [], Broken(), settings, Run(None, device="cpu"))


@pytest.mark.slow
def test_a_second_signal_keeps_the_last_checkpoint(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = train(tiny_bert, tmp_path / "straight")
    calls = iter(range(100))

    def impatient(*arguments: Any, metric: str | None = None) -> Scores:
        if next(calls) == 1:  # in the second scoring, with weights and average exchanged
            raise Interrupted(2)
        return evaluate_tags(*arguments, metric=metric)

    with monkeypatch.context() as patch:
        patch.setattr(model_selection, "evaluate_tags", impatient)
        with pytest.raises(Interrupted):
            train(tiny_bert, tmp_path / "stopped")
    resumed = train(tiny_bert, tmp_path / "stopped")
    for expected, actual in zip(straight.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(expected, actual)
    assert read_metrics(tmp_path / "straight") == read_metrics(tmp_path / "stopped")


def test_few_sentences_are_trained_on_for_many_steps_and_evaluated_five_times() -> None:
    config = TransformerTrainConfig()
    assert [config.auto_length.steps(epoch_steps) for epoch_steps in (1, 141, 200, 213)] == [1000, 1000, 1000, 1065]
    assert [steps_between_evaluations(config, 1000, lambda: steps) for steps in (1, 141)] == [200, 200]  # noqa: B023
    assert steps_between_evaluations(config, 1065, lambda: 213) == 213
    assert steps_between_evaluations(TransformerTrainConfig(epochs=5, steps=None), 5, lambda: 1) == 1
    assert steps_between_evaluations(TrainConfig(), 3000, lambda: pytest.fail("planned an epoch")) == 300
    student = TrainConfig().auto_length
    assert [student.steps(epoch_steps) for epoch_steps in (10, 2000, 9000)] == [3000, 4000, 6000]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_nearly_all_sentences_that_are_planned_are_read(tiny_bert: Path, share: float) -> None:
    model, random = student(tiny_bert), np.random.default_rng(0)
    sample = [Sentence(("a",) * length) for length in random.integers(4, 40, 2048).tolist()]
    settings = config(steps=400, batch_subwords=400, batch_sentences=None)
    planned = planned_sentences(model, sample, settings, share)
    assert planned is not None
    lengths = np.array([len(model.windows(sample[n % 2048].words)[0].subwords) for n in range(planned)])
    weights = random.lognormal(size=planned)
    plan = BatchPlan(lengths, subwords=400, sentences=None, seed=1, oversampling=Oversampling(weights, share))
    read = np.unique(np.concatenate([plan.batch(step)[1] for step in range(400)]))
    assert 0.95 * planned < len(read) <= planned
    assert planned_sentences(model, sample, config(steps=None, epochs=2), share) is None
    assert planned_sentences(model, [], settings, share) is None
