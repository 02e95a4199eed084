"""A Ray cluster of one node labels the same blocks, with the same bytes, as this process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from nlptrain.config.commands import COMMANDS
from nlptrain.config.data import DataConfig
from nlptrain.config.labeling import LabelingConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.distillation import ray_actor
from nlptrain.distillation.block_labeling import label_blocks
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.failed_sentences import NOT_FINITE
from nlptrain.distillation.ray_actor import Labeler, LabelingJob
from nlptrain.distillation.ray_engine import RayEngine, open_engine
from nlptrain.distillation.teachers import Teacher, TransformerTeacher
from nlptrain.distillation.text_blocks import all_blocks
from nlptrain.errors import InputError
from nlptrain.models import TransformerTokenClassifier
from nlptrain.procedures import run_training
from nlptrain.procedures.labeling import label_files
from nlptrain.run.run import Run
from tests.helpers.commands import write_configs
from tests.helpers.corpora import LABELS, make_sentences
from tests.helpers.ray_clusters import local_ray

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray")
RAY = LabelingConfig(engine="ray", address="local", actors=1, max_failed=0.1)


class Lines:
    """A run that keeps its log lines."""

    def __init__(self, labeling: LabelingConfig) -> None:
        self.lines: list[str] = []
        self.run = Run(None, device="cpu", threads=1, labeling=labeling)
        self.run.log = self.lines.append  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def node() -> Iterator[None]:
    """Start a node that all tests use; its actors are those of each test."""
    with local_ray(num_cpus=1):
        yield


def blocks_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.arrow") if len(path.stem) == 32}


@pytest.mark.usefixtures("node")
def test_training_on_ray_is_the_training_on_this_machine(
    corpus: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = Labels.from_names(["O", "B-person", "I-person", "B-place", "I-place"])
    teacher = TransformerTokenClassifier.from_pretrained(str(tiny_bert), labels, seed=0)
    teacher.save_pretrained(corpus / "runs/transformer_token")
    write_configs(corpus, tiny_bert)
    text = [f"{' '.join(words)} {n}" for n, (words, _) in enumerate(make_sentences(3_000, 5))]
    (tmp_path / "raw.txt").write_text("\n".join([*text, *text[:2_000]]))
    for module in ("distillation.augmentation", "procedures.text_labeling"):
        monkeypatch.setattr(f"nlptrain.{module}.ENOUGH_WORDS", 12_000)
    scores = {}
    for engine in ("local", "ray"):
        settings = [
            f"output_dir={tmp_path / engine / 'run'}",
            f"data.unlabeled={tmp_path / 'raw.txt'}",
            f"transfer_dir={tmp_path / engine / 'transfer'}",
            "train.epochs=1",
            "augment=auto",
            "threads=1",
            f"labeling={{engine: {engine}, address: local, actors: 1}}",
        ]
        from nlptrain.config import load_config

        config = load_config(COMMANDS["tagger_kd"], corpus / "tagger_kd.yaml", settings).config
        scores[engine] = run_training("tagger_kd", config)
    assert blocks_in(tmp_path / "local" / "transfer") == blocks_in(tmp_path / "ray" / "transfer")
    assert scores["local"]["dev"] == scores["ray"]["dev"]
    weights = [tmp_path / engine / "run" / "model" / "model.safetensors" for engine in ("local", "ray")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    logs = [(tmp_path / engine / "run" / "log.txt").read_text() for engine in ("local", "ray")]
    for topic in ("raw text: 1,", "augment: ", "training set: "):
        lines = [[line[20:] for line in log.splitlines() if line[20:].startswith(topic)] for log in logs]
        assert lines[0] == lines[1] != [], topic
    assert "ray: 1 node, 1 CPUs (labeling.address)" in logs[1]


@pytest.mark.usefixtures("node")
def test_actors_write_the_file_of_this_machine(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS, seed=3).save_pretrained(tmp_path / "teacher")
    lines = [f"{' '.join(words)} {n % 700}" for n, (words, _) in enumerate(make_sentences(3_000, 5))]
    (tmp_path / "raw.txt").write_text("\n".join([*lines[:900], "", *lines[900:]]) + "\n")
    monkeypatch.setattr("nlptrain.distillation.ray_engine._MAX_RANGE", 30_000)
    monkeypatch.setattr("nlptrain.distillation.ray_engine._MIN_RANGE", 30_000)
    monkeypatch.chdir(tmp_path)
    data = DataConfig(unlabeled="raw.txt")
    for suffix in ("jsonl", "csv.gz"):
        results = {}
        for engine, labeling in (("local", None), ("ray", RAY)):
            out = Path(f"{engine}.{suffix}")
            results[engine] = label_files("teacher", data, out, labeling=labeling, threads=1, device="cpu")
        assert (tmp_path / f"ray.{suffix}").read_bytes() == (tmp_path / f"local.{suffix}").read_bytes(), suffix
        assert results["ray"].describe() == results["local"].describe()
        assert results["ray"].sentences == 3_000
    assert not list(tmp_path.glob(".*"))


class Fragile(Teacher):
    """Fails on ``nan``, and ends its process on ``exit``."""

    name = "fragile"
    labels = LABELS

    def fingerprint(self) -> str:
        return "fragile-1"

    def predict_logits(self, sentences: Sequence[Sentence]) -> list[np.ndarray]:
        if any("exit" in sentence.words for sentence in sentences):
            os._exit(1)
        values = [[np.nan if word == "nan" else 1.0 for word in sentence.words] for sentence in sentences]
        return [np.repeat(np.array(row, np.float32)[:, None], len(LABELS), axis=1) for row in values]


@pytest.mark.usefixtures("node")
def test_a_sentence_that_fails_does_not_end_the_job(tmp_path: Path) -> None:
    sentences = [Sentence((*words, str(n))) for n, (words, _) in enumerate(make_sentences(60, 1))]
    sentences[7] = Sentence(("a", "nan"))
    lines = Lines(RAY)
    with open_engine(lines.run) as engine:
        store = BlockStore(tmp_path, Fragile())
        result = label_blocks(store, all_blocks(sentences), Fragile(), lines.run, engine)
    assert [item.sentence.words for item in result.failed] == [("a", "nan")]
    assert len(list(result.transfer_set().sentences())) == 59


@pytest.mark.full
@pytest.mark.usefixtures("node")
def test_sentences_that_end_actors_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlptrain.distillation.ray_parts.MAX_DEATHS", 2)
    sentences = [Sentence((*words, str(n))) for n, (words, _) in enumerate(make_sentences(60, 1))]
    sentences[7] = Sentence(("do", "exit"))
    sentences[8] = Sentence(("a", "nan"))
    blocks = list(all_blocks(sentences))
    lines = Lines(RAY)
    with open_engine(lines.run) as engine:
        store = BlockStore(tmp_path / "split", Fragile())
        result = label_blocks(store, blocks, Fragile(), lines.run, engine)
    reasons = {item.sentence.words: item.reason for item in result.failed}
    assert reasons == {("do", "exit"): "2 actors died while they worked on it", ("a", "nan"): NOT_FINITE}
    consequences = ("its tasks are repeated", "its block is labeled in parts", "its sentence counts as failed")
    counts = [sum(f"ray: an actor has died; {what}" in line for line in lines.lines) for what in consequences]
    assert counts == [3, 2, 1]
    kept = list(result.transfer_set().sentences())
    assert [sentence.words for sentence in kept] == [s.words for s in sentences if not {"exit", "nan"} & {*s.words}]


class Impatient(Labeler):
    """Does not wait for a network file system."""

    def check(self, version: str, job: LabelingJob | None) -> None:
        ray_actor._MARK_SECONDS = 1  # type: ignore[attr-defined]
        super().check(version, job)


@pytest.mark.full
@pytest.mark.usefixtures("node")
def test_errors_of_actors_are_those_of_this_process(
    tmp_path: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(Fragile):
        def predict_logits(self, sentences: Sequence[Sentence]) -> list[np.ndarray]:
            return [np.zeros((1, 1), np.float32) for _ in sentences]

    lines = Lines(RAY)
    blocks = list(all_blocks([Sentence(("do", "it"))]))
    with open_engine(lines.run) as engine, pytest.raises(InputError, match=r"fragile: found logits of shape \[1, 1\]"):
        label_blocks(BlockStore(tmp_path, Wrong()), blocks, Wrong(), lines.run, engine)

    # A folder of the same name on another disk has not the file that this process writes.
    teacher = TransformerTeacher(TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS))
    monkeypatch.setattr("nlptrain.distillation.ray_engine.Labeler", Impatient)
    monkeypatch.setattr(Path, "touch", lambda _: None)
    with open_engine(lines.run) as engine:
        with pytest.raises(InputError, match=r"the node .* does not see what is written there; give transfer_dir a"):
            label_blocks(BlockStore(tmp_path / "new", teacher), blocks, teacher, lines.run, engine)


def test_an_actor_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"found nlptrain .* on the node .*; expected 0\.0\.1, as here"):
        Labeler({}, 1).check("0.0.1", None)
    with pytest.raises(InputError, match=r"workers: found 2; remove it: the actors of Ray label \(labeling\.actors\)"):
        open_engine(Run(None, device="cpu", workers=2, labeling=RAY)).__enter__()
    monkeypatch.setattr("nlptrain.distillation.ray_engine.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"labeling\.engine: found ray, and the package ray is not installed; pip"):
        RayEngine(RAY, Run(None, device="cpu"))
