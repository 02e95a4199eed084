"""A stopped run with damaged files resumes from the undamaged ones, and reports the others."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from nlptrain.errors import Interrupted
from nlptrain.run.run import Run
from tests.helpers.commands import call, write_configs
from tests.helpers.corpora import write_corpus

pytestmark = pytest.mark.slow

SETTINGS = [word for key in ("threads=1", "train.steps=60", "train.eval_every=10") for word in ("--set", key)]
CHECKPOINT, PREVIOUS = "checkpoint.safetensors", "checkpoint-previous.safetensors"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """Stop a run after two checkpoints; finish another one without interruption."""
    corpus = write_corpus(tmp_path_factory.mktemp("stopped"))
    path = write_configs(corpus, tiny_bert)["tagger"]
    checks = iter(range(1000))

    def check(_: Run) -> None:
        if next(checks) == 34:
            raise Interrupted(signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "check_interrupted", check)
        assert call("tagger", path, *SETTINGS).exit_code == 143
    assert (corpus / "runs/tagger" / PREVIOUS).is_file()
    assert call("tagger", path, *SETTINGS, "--output-dir", corpus / "straight").exit_code == 0
    return corpus


@pytest.fixture
def run(stopped: Path) -> Path:
    """Restore the stopped run for each test; its configuration names its folder."""
    run, kept = stopped / "runs/tagger", stopped / "kept"
    if not kept.exists():
        shutil.copytree(run, kept)
    shutil.rmtree(run)
    shutil.copytree(kept, run)
    return run


def resume(run: Path, *more: str) -> Result:
    return call("tagger", run.parents[1] / "tagger.yaml", *SETTINGS, *more)


def is_straight(run: Path) -> bool:
    straight = run.parents[1] / "straight"
    names = ("model/model.safetensors", "model/config.json", "counts.json")
    return all((run / name).read_bytes() == (straight / name).read_bytes() for name in names)


def flip(path: Path, position: float = 0.5) -> None:
    data = bytearray(path.read_bytes())
    data[int(position * (len(data) - 1))] ^= 1
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "header": lambda path: path.write_bytes(b"\xff" * 8 + path.read_bytes()[8:]),
    "flipped_length": lambda path: flip(path, 0.0),
    "flipped_header": lambda path: flip(path, 0.0005),
    "flipped": flip,
    "text": lambda path: path.write_text("{}"),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_checkpoint_is_replaced_by_the_previous_one(run: Path, kind: str) -> None:
    DAMAGE[kind](run / CHECKPOINT)
    damaged = (run / CHECKPOINT).read_bytes()
    done = resume(run)
    assert done.exit_code == 0, done.output
    assert f"{run / CHECKPOINT}: is damaged (" in done.stderr
    assert "moved to checkpoint.safetensors.damaged" in done.stderr
    assert "resuming after step" in done.stderr
    assert (run / f"{CHECKPOINT}.damaged").read_bytes() == damaged
    assert is_straight(run)


def test_training_restarts_without_an_undamaged_checkpoint(run: Path) -> None:
    (run / f"{CHECKPOINT}.damaged").write_text("of before")
    flip(run / CHECKPOINT)
    flip(run / PREVIOUS)
    done = resume(run)
    assert "no undamaged checkpoint: training starts again" in done.stderr
    assert (run / f"{CHECKPOINT}.damaged").read_text() == "of before"
    assert (run / f"{CHECKPOINT}.damaged-2").is_file()
    assert is_straight(run)


@pytest.mark.parametrize("kind", ["missing", "cut", "flipped"])
def test_damaged_metrics_are_started_again(run: Path, kind: str) -> None:
    path = run / "metrics.jsonl"
    if kind == "missing":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:30])
    else:
        flip(path)
    done = resume(run)
    assert done.exit_code == 0
    assert f"{path}: is {'missing' if kind == 'missing' else 'damaged; moved to'}" in done.stderr
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows[-1]["step"] == 60
    assert is_straight(run)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"command": 1}', b'{"command": "tagger"}', b"flipped"])
def test_a_damaged_run_json_is_restored_from_the_checkpoint(run: Path, content: bytes | None) -> None:
    path = run / "run.json"
    whole = path.read_bytes()
    if content is None:
        path.unlink()
    else:
        path.write_bytes(whole.replace(b'"seed": 0', b'"seed": 1') if content == b"flipped" else content)
    done = resume(run)
    assert done.exit_code == 0, done.output
    assert f"{path}: is {'missing' if content is None else 'damaged'}" in done.stderr
    assert "resuming after step" in done.stderr
    assert path.read_bytes() == whole
    assert is_straight(run)


def test_error_if_another_run_finds_a_damaged_run_json(run: Path) -> None:
    (run / "run.json").write_text("{")
    before = {path: path.read_bytes() for path in run.iterdir()}
    refused = resume(run, "--seed", "1")
    assert refused.exit_code == 2
    assert "run.json: is damaged (not valid JSON); give another --output-dir, or set --overwrite" in refused.stderr
    assert {path: path.read_bytes() for path in run.iterdir() if path.name != ".lock"} == {
        path: data for path, data in before.items() if path.name != ".lock"
    }


def test_partial_files_of_a_killed_process_are_removed(run: Path) -> None:
    (run / f"{CHECKPOINT}.part").write_bytes(b"half")
    (run / ".tmpa1B2c3").write_bytes(b"half")  # safetensors writes a file under such a name
    (run / "model.part").mkdir()
    (run / "model.part/config.json").write_text("{")
    assert resume(run).exit_code == 0
    assert not [path for path in run.iterdir() if path.name.endswith(".part") or path.name.startswith(".tmp")]


FINISHED = ("model/model.safetensors", "model/config.json", "model/tokenizer.json", "model/word_splitter.json")


@pytest.fixture
def finished(run: Path) -> Path:
    shutil.rmtree(run)
    shutil.copytree(run.parents[1] / "straight", run)
    return run


def test_a_finished_run_keeps_no_checkpoint(run: Path, finished: Path) -> None:
    shutil.copyfile(run.parents[1] / "kept" / PREVIOUS, finished / PREVIOUS)  # it was killed before the file went
    assert resume(finished).exit_code == 0
    assert not (finished / PREVIOUS).exists()


@pytest.mark.parametrize("name", FINISHED)
@pytest.mark.parametrize("removed", [False, True])
def test_a_damaged_model_of_a_finished_run_is_an_error(finished: Path, name: str, removed: bool) -> None:
    path = finished / name
    if removed:
        path.unlink()
    else:
        flip(path, 0.9)
    fault = f"error: {path}: is {'missing' if removed else 'damaged or was changed'}"
    corpus = finished.parents[1]
    for arguments in (
        ["predict", finished],
        ["evaluate", finished, corpus / "test.conll"],
        ["export", finished, corpus / "exported"],
        ["compare", finished],
        ["tagger", corpus / "tagger.yaml", *SETTINGS],
    ):
        result = call(*arguments, text="Ada\n")
        assert result.exit_code == 2, arguments
        assert fault in result.stderr, arguments
        assert "train the run again with " in result.stderr
    assert not (corpus / "exported").exists()
    (finished / "SHA256SUMS").unlink()  # as after a deliberate change
    if name == "model/word_splitter.json" and removed:
        assert call("predict", finished, text="Ada\n").exit_code == 0


WRONG = [b"", b"{", b"[]", b"{}", b'{"dev": 1}', b"\xff", b"[" * 100_000]


@pytest.mark.parametrize("listed", [True, False])
def test_damaged_scores_and_counts_are_an_error_for_readers(finished: Path, listed: bool) -> None:
    other = finished.parents[1] / "straight"
    if not listed:  # as in runs of before
        (finished / "SHA256SUMS").unlink()
    for name, commands in (
        ("scores.json", (["compare", finished], ["card", finished], ["card", other, "--control", finished])),
        ("counts.json", (["compare", finished, other, "--bootstrap", "100", "--no-speed"],)),
    ):
        whole = (finished / name).read_bytes()
        for content in WRONG:
            (finished / name).write_bytes(content)
            for arguments in commands:
                refused = call(*arguments)
                assert refused.exit_code == 2, refused.output
                assert refused.stderr.startswith(f"error: {finished / name}: is damaged (")
                assert refused.stderr.count("\n") == 1
        (finished / name).write_bytes(whole)


def test_a_run_with_damaged_scores_is_trained_again(finished: Path) -> None:
    path = finished / "scores.json"
    path.write_text("{")
    again = resume(finished)
    assert again.exit_code == 0, again.output
    assert "moved to scores.json.damaged; training again" in again.stderr
    assert (finished / "scores.json.damaged").read_text() == "{"
    assert is_straight(finished)


def test_a_changed_score_fails_the_checksum(finished: Path) -> None:
    path = finished / "scores.json"
    path.write_text(path.read_text().replace('"steps": 60', '"steps": 70'))
    refused = call("compare", finished)
    assert refused.exit_code == 2
    assert "its SHA-256 is not that in SHA256SUMS" in refused.stderr


def test_damaged_checksums_are_reported_and_moved_aside(finished: Path) -> None:
    path = finished / "SHA256SUMS"
    path.write_text("no hashes\n")
    for arguments in (["predict", finished], ["compare", finished, "--no-speed"]):
        refused = call(*arguments, text="Ada\n")
        assert refused.exit_code == 2
        assert f"error: {path}: is damaged (no list of SHA-256 hashes); remove it" in refused.stderr
    again = resume(finished)
    assert again.exit_code == 0
    assert "moved to SHA256SUMS.damaged; files are not verified" in again.stderr
    assert call("compare", finished, "--no-speed").exit_code == 0


@pytest.mark.parametrize("content", ["", "{", "[]", "a: b", "data: 1", "data: {dev: 7}", "\0"])
def test_error_if_config_yaml_of_an_exported_run_is_damaged(finished: Path, content: str) -> None:
    (finished / "config.yaml").write_text(content)
    refused = call("export", finished, finished.parents[1] / "exported")
    assert refused.exit_code == 2, refused.output
    assert refused.stderr.startswith(f"error: {finished / 'config.yaml'}")
    assert not (finished.parents[1] / "exported").exists()
