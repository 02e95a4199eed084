"""Whatever dies on a Ray cluster of two nodes, the transfer set has the bytes of one local process."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nlptrain.models import TransformerTokenClassifier
from tests.helpers.corpora import LABELS, make_sentences
from tests.helpers.ray_clusters import actor_processes, kill, ray_cluster, start_labeling, wait_for_blocks

pytestmark = pytest.mark.full
pytest.importorskip("ray")
KILLS = int(os.environ.get("NLPTRAIN_RAY_KILLS", "6"))
LINES = 30_000
TARGETS = ("actor", "node", "driver")


@pytest.fixture(scope="module")
def teacher(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "teacher"
    TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "raw.txt"
    sentences = [words for words, _ in make_sentences(500, 1)]
    path.write_text("".join(f"{' '.join(sentences[n % 500])} {n}\n" for n in range(LINES)))
    return path


@pytest.fixture(scope="module")
def expected(teacher: Path, text: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("local")
    process = start_labeling(teacher, text, folder / "out.jsonl", log=folder / "log.txt")
    assert process.wait() == 0, (folder / "log.txt").read_text()
    return contents(folder)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_cluster(2) as started:
        yield started


def contents(folder: Path) -> dict[str, bytes]:
    """Return the stored blocks and the labeled file of a folder."""
    files = [*folder.glob("transfer/*/*.arrow"), folder / "out.jsonl"]
    return {path.name: path.read_bytes() for path in files}


def options(folder: Path, cluster: Any, teacher: Path, text: Path) -> tuple[str | Path, ...]:
    return teacher, text, folder / "out.jsonl", "--engine", "ray", "--address", cluster.address, "--actors", "2"


def test_two_actors_store_the_bytes_of_one_process(
    cluster: Any, teacher: Path, text: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    process = start_labeling(*options(tmp_path, cluster, teacher, text), log=tmp_path / "log.txt")
    assert process.wait() == 0, (tmp_path / "log.txt").read_text()
    assert "ray: 2 nodes, 2 CPUs (labeling.address)" in (tmp_path / "log.txt").read_text()
    assert len(expected) > 15
    assert contents(tmp_path) == expected


@pytest.mark.parametrize("trial", range(KILLS))
def test_a_kill_changes_nothing(
    cluster: Any, teacher: Path, text: Path, expected: dict[str, bytes], tmp_path: Path, trial: int
) -> None:
    target = TARGETS[trial % len(TARGETS)]
    log = tmp_path / "log.txt"
    process = start_labeling(*options(tmp_path, cluster, teacher, text), log=log)
    blocks = wait_for_blocks(tmp_path / "transfer", random.Random(trial).randint(1, len(expected) - 6), process)
    assert process.poll() is None, log.read_text()
    if target == "actor":
        kill(random.Random(trial).choice(actor_processes()))
    elif target == "node":
        (worker,) = (node for node in cluster.list_all_nodes() if not node.is_head())
        cluster.remove_node(worker, allow_graceful=False)
    else:
        process.kill()
        process.wait()
        process = start_labeling(*options(tmp_path, cluster, teacher, text), log=log)
    code = process.wait()
    if target == "node":
        cluster.add_node(num_cpus=1)
    assert code == 0, log.read_text()
    assert blocks < len(expected)
    assert contents(tmp_path) == expected
    assert not list(tmp_path.rglob("*.dead.jsonl"))


def test_two_jobs_at_once_store_the_same_bytes(
    cluster: Any, teacher: Path, text: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    shared = ("--transfer-dir", tmp_path / "transfer", "--actors", "1")
    jobs = []
    for name in ("a", "b"):
        arguments = options(tmp_path / name, cluster, teacher, text)[:-2]
        jobs.append(start_labeling(*arguments, *shared, log=tmp_path / f"{name}.txt"))
    for name, job in zip("ab", jobs, strict=True):
        assert job.wait() == 0, (tmp_path / f"{name}.txt").read_text()
        assert {**contents(tmp_path / name), **contents_of_blocks(tmp_path)} == expected


def contents_of_blocks(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("transfer/*/*.arrow")}
