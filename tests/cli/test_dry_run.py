"""--dry-run: what a training run would do, without writing anything."""

import json
import re
from pathlib import Path

import pytest

from nlptrain.config.train import AutoLength, TrainConfig
from nlptrain.procedures import dry_run
from tests.helpers.commands import call, write_configs
from tests.helpers.corpora import make_sentences
from tests.helpers.transfer_sets import fixed_blocks

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _short_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "_LABELING_SECONDS", 0.3)
    monkeypatch.setattr(dry_run, "_TRAINING_SECONDS", 0.3)


def train_teacher(corpus: Path, tiny_bert: Path) -> dict[str, Path]:
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"], "--set", "train.epochs=1").exit_code == 0
    return paths


def read_all(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dry_run_predicts_the_run_and_writes_nothing(corpus: Path, tiny_bert: Path) -> None:
    paths = write_configs(corpus, tiny_bert)
    for name, path in paths.items():
        before = read_all(corpus)
        planned = call(name, path, "--dry-run")
        assert planned.exit_code == 0, planned.output
        assert read_all(corpus) == before
        assert "this dry run has written nothing" in planned.stdout
        run = call(name, path)
        assert run.exit_code == 0, run.output
        log = (corpus / "runs" / name / "log.txt").read_text()
        scores = json.loads((corpus / "runs" / name / "scores.json").read_text())
        steps = int(re.search(r"about ([\d,]+) steps", planned.stdout)[1].replace(",", ""))
        assert steps == scores["steps"]
        assert "reads     train: 60 sentences" in planned.stdout
        evaluations = int(re.search(r"dev is scored ([\d,]+) times", planned.stdout)[1])
        lines = [json.loads(line) for line in (corpus / "runs" / name / "metrics.jsonl").read_text().splitlines()]
        assert evaluations == sum("dev_f1" in line for line in lines)
        if name in ("tagger_kd", "pseudo_label"):
            stored, missing = re.search(
                r"([\d,]+) sentences are labeled in .*, ([\d,]+) are not", planned.stdout
            ).groups()
            computed = re.search(r"([\d,]+) computed", log)
            assert int(missing) == (int(computed[1]) if computed else 0)
            assert (int(stored) > 0) == (name == "pseudo_label")  # logits stored by tagger_kd
        else:
            assert "labeled" not in planned.stdout
    again = call("tagger_kd", paths["tagger_kd"], "--dry-run")
    assert "which is finished: its scores would be printed, and nothing computed" in again.stdout
    other = call("tagger_kd", paths["tagger_kd"], "--dry-run", "--set", "train.steps=41")
    assert other.exit_code == 2
    assert "holds a run with another configuration (train.steps: 40 there, 41 now)" in other.stderr
    overwriting = call("tagger_kd", paths["tagger_kd"], "--dry-run", "--set", "train.steps=41", "--overwrite")
    assert overwriting.exit_code == 0
    assert "replacing the run in it" in overwriting.stdout


def test_the_number_of_steps_is_estimated_from_a_sample(
    corpus: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nlptrain.analysis import profiling

    paths = train_teacher(corpus, tiny_bert)
    more = ["--set", "train.epochs=5", "--set", "objective.oversampling=0", "--set", "seeds=[1,2]"]
    monkeypatch.setattr(profiling, "SAMPLE", 50)
    planned = call("tagger_kd", paths["tagger_kd"], "--dry-run", "--workers", "2", *more)
    assert planned.exit_code == 0, planned.output
    assert call("tagger_kd", paths["tagger_kd"], *more).exit_code == 0
    scores = json.loads((corpus / "runs/tagger_kd/seed-1/scores.json").read_text())
    steps = int(re.search(r"about ([\d,]+) steps", planned.stdout)[1].replace(",", ""))
    assert steps == pytest.approx(scores["steps"], rel=0.2)
    assert "for each of 2 seeds" in planned.stdout
    assert "words/s predicted (of one process, not of 2 workers)\n" in planned.stdout
    assert "seed-1; " in planned.stdout


def test_an_error_is_a_line_and_exit_code_2(corpus: Path, tiny_bert: Path) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    (corpus / "train.conll").write_text("Ada B-person\nsings\n")
    result = call("tagger", path, "--dry-run")
    assert result.exit_code == 2
    assert "train.conll:2" in result.stderr


def test_errors_of_the_run_come_before_measuring(
    corpus: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = train_teacher(corpus, tiny_bert)
    monkeypatch.setattr(dry_run, "_measure", None)
    mapped = ["--set", "data.label_map={place: person}", "--set", "objective.loss=mse"]
    for name in ("train", "dev", "test"):
        path = corpus / f"{name}.conll"
        path.write_text(path.read_text().replace("B-place", "B-person"))
    merged = call("tagger_kd", paths["tagger_kd"], "--dry-run", *mapped)
    assert merged.exit_code == 2
    assert "found mse, which compares logits" in merged.stderr
    (corpus / "raw.txt").write_text("Ada lives in Paris now\nBoris lives in Oslo now\n")
    without_gold = [word for split in ("train", "dev", "test") for word in ("--set", f"data.{split}=null")]
    few = call("tagger_kd", paths["tagger_kd"], "--dry-run", *without_gold)
    assert few.exit_code == 2
    assert "2 unlabeled sentences are too few to take 2 % of them" in few.stderr


def test_a_slow_teacher_is_measured_by_at_least_one_batch(
    corpus: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = train_teacher(corpus, tiny_bert)
    monkeypatch.setattr(dry_run, "_LABELING_SECONDS", 0.0001)
    planned = call("tagger_kd", paths["tagger_kd"], "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "measured  0 words" not in planned.stdout


def test_as_much_text_is_estimated_as_the_training_reads(
    corpus: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed_blocks(monkeypatch, 20)
    paths = train_teacher(corpus, tiny_bert)
    lines = [" ".join((*words, f"n{n}")) for n, (words, _) in enumerate(make_sentences(400, 8))]
    (corpus / "raw.txt").write_text("\n".join(lines) + "\n")
    more = ["--set", "train.steps=4", "--set", "train.eval_every=4"]
    planned = call("tagger_kd", paths["tagger_kd"], "--dry-run", *more)
    assert planned.exit_code == 0, planned.output
    run = call("tagger_kd", paths["tagger_kd"], *more)
    assert run.exit_code == 0, run.output
    assert "text to label: " in run.stderr
    missing, words = re.search(
        r" ([\d,]+) are not \(([\d,]+) words\), of as many as the training reads \(train.steps\)", planned.stdout
    ).groups()
    assert f" {missing} computed, {words} words" in run.stderr
    total = re.search(r"training set: 60 gold and (\d+) unlabeled sentences, ([\d,]+) words", run.stderr).groups()
    assert f"on {60 + int(total[0])} sentences, {total[1]} words" in planned.stdout

    # A sample is large enough for the longest training, whatever its number of epochs.
    monkeypatch.setattr(TrainConfig, "auto_length", AutoLength(1, 2, 6))
    auto = ["--set", "train.steps=auto", "--output-dir", corpus / "auto", "--set", f"transfer_dir={corpus}/transfer"]
    assert "trains    about 6 steps" in call("tagger_kd", paths["tagger_kd"], "--dry-run", *auto).stdout
    longest = call("tagger_kd", paths["tagger_kd"], *auto)
    assert "text to label: " in longest.stderr
    assert "training length: 6 steps" in longest.stderr

    filtered = call("pseudo_label", paths["pseudo_label"], "--dry-run", *more, "--set", "objective.min_confidence=0.5")
    assert "of as many as" not in filtered.stdout  # how many sentences remain is not known
