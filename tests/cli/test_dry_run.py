"""--dry-run: what a training would do, told without a trace."""

import json
import re
from pathlib import Path

import pytest

from nlptrain.procedures import dry_run
from tests.helpers.commands import call, write_configs

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "_LABELING_SECONDS", 0.3)
    monkeypatch.setattr(dry_run, "_TRAINING_SECONDS", 0.3)


def with_a_teacher(corpus: Path, tiny_bert: Path) -> dict[str, Path]:
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"], "--set", "train.epochs=1").exit_code == 0
    return paths


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_says_what_the_run_then_does_and_writes_nothing(corpus: Path, tiny_bert: Path) -> None:
    paths = write_configs(corpus, tiny_bert)
    for name, path in paths.items():
        before = everything(corpus)
        told = call(name, path, "--dry-run")
        assert told.exit_code == 0, told.output
        assert everything(corpus) == before
        assert "this dry run has written nothing" in told.stdout
        run = call(name, path)
        assert run.exit_code == 0, run.output
        log = (corpus / "runs" / name / "log.txt").read_text()
        scores = json.loads((corpus / "runs" / name / "scores.json").read_text())
        steps = int(re.search(r"about ([\d,]+) steps", told.stdout)[1].replace(",", ""))
        assert steps == scores["steps"]
        assert "reads     train: 60 sentences" in told.stdout
        scored = int(re.search(r"dev is scored ([\d,]+) times", told.stdout)[1])
        lines = [json.loads(line) for line in (corpus / "runs" / name / "metrics.jsonl").read_text().splitlines()]
        assert scored == sum("dev_f1" in line for line in lines)
        if name in ("tagger_kd", "pseudo_label"):
            found, missing = re.search(r"([\d,]+) sentences are labeled in .*, ([\d,]+) are not", told.stdout).groups()
            computed = re.search(r"([\d,]+) computed", log)
            assert int(missing) == (int(computed[1]) if computed else 0)
            assert (int(found) > 0) == (name == "pseudo_label")  # which finds what tagger_kd has stored
        else:
            assert "labeled" not in told.stdout
    again = call("tagger_kd", paths["tagger_kd"], "--dry-run")
    assert "which is finished: its scores would be printed, and nothing computed" in again.stdout
    other = call("tagger_kd", paths["tagger_kd"], "--dry-run", "--set", "train.steps=41")
    assert other.exit_code == 2
    assert "holds a run with another configuration (train.steps: 40 there, 41 now)" in other.stderr
    over = call("tagger_kd", paths["tagger_kd"], "--dry-run", "--set", "train.steps=41", "--overwrite")
    assert over.exit_code == 0
    assert "over the run that is there" in over.stdout


def test_the_length_of_much_text_is_told_from_some_of_it(
    corpus: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nlptrain.analysis import profiling

    paths = with_a_teacher(corpus, tiny_bert)
    more = ["--set", "train.epochs=5", "--set", "objective.oversampling=0", "--set", "seeds=[1,2]"]
    monkeypatch.setattr(profiling, "SAMPLE", 50)
    told = call("tagger_kd", paths["tagger_kd"], "--dry-run", "--workers", "2", *more)
    assert told.exit_code == 0, told.output
    assert call("tagger_kd", paths["tagger_kd"], *more).exit_code == 0
    scores = json.loads((corpus / "runs/tagger_kd/seed-1/scores.json").read_text())
    steps = int(re.search(r"about ([\d,]+) steps", told.stdout)[1].replace(",", ""))
    assert steps == pytest.approx(scores["steps"], rel=0.2)
    assert "for each of 2 seeds" in told.stdout
    assert "words/s predicted (of one process, not of 2 workers)\n" in told.stdout
    assert "seed-1; " in told.stdout


def test_a_fault_is_a_line_and_exit_code_2(corpus: Path, tiny_bert: Path) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    (corpus / "train.conll").write_text("Ada B-person\nsings\n")
    result = call("tagger", path, "--dry-run")
    assert result.exit_code == 2
    assert "train.conll:2" in result.stderr


def test_what_the_training_refuses_it_refuses_before_anything_is_tried(
    corpus: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = with_a_teacher(corpus, tiny_bert)
    monkeypatch.setattr(dry_run, "_measure", None)
    mapped = ["--set", "data.label_map={place: person}", "--set", "objective.loss=mse"]
    for name in ("train", "dev", "test"):
        path = corpus / f"{name}.conll"
        path.write_text(path.read_text().replace("B-place", "B-person"))
    merged = call("tagger_kd", paths["tagger_kd"], "--dry-run", *mapped)
    assert merged.exit_code == 2
    assert "mse compares logits" in merged.stderr
    (corpus / "raw.txt").write_text("Ada lives in Paris now\nBoris lives in Oslo now\n")
    none = [word for split in ("train", "dev", "test") for word in ("--set", f"data.{split}=null")]
    few = call("tagger_kd", paths["tagger_kd"], "--dry-run", *none)
    assert few.exit_code == 2
    assert "2 unlabeled sentences are too few to take 2 % of them" in few.stderr


def test_a_teacher_that_is_slow_is_measured_by_what_it_did(
    corpus: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = with_a_teacher(corpus, tiny_bert)
    monkeypatch.setattr(dry_run, "_LABELING_SECONDS", 0.0001)
    told = call("tagger_kd", paths["tagger_kd"], "--dry-run")
    assert told.exit_code == 0, told.output
    assert "measured  0 words" not in told.stdout
