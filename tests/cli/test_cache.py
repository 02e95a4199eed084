"""`nlptrain cache` lists, verifies and prunes a transfer set; a run afterwards has the same result."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from nlptrain.distillation.block_use import record_use
from nlptrain.run.run import Run
from tests.helpers.commands import call, write_configs

STEPS = ("--set", "train.steps=2", "--set", "train.eval_every=2")


@pytest.fixture
def transfer(corpus: Path, tiny_bert: Path) -> Path:
    """Run two distillations, of which the second reads other gold sentences; return their transfer set."""
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"], "--set", "train.epochs=1").exit_code == 0
    for name, more in (("one", ()), ("two", ("--set", f"data.train={corpus / 'dev.conll'}"))):
        settings = ("--output-dir", corpus / "runs" / name, *STEPS, *more)
        assert call("tagger_kd", paths["tagger_kd"], *settings).exit_code == 0
    return corpus / "runs/transfer"


def blocks(transfer: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in transfer.glob("*/*.arrow")}


def test_list_names_teachers_runs_and_texts(corpus: Path, transfer: Path) -> None:
    (teacher,) = json.loads(call("cache", "list", transfer, "--json").stdout)["teachers"]
    folder = transfer / teacher["key"]
    assert teacher["teacher"] == str(transfer.parent / "transformer_token")
    assert teacher["labels"] == 5
    assert teacher["blocks"] == len(blocks(transfer))
    assert teacher["bytes"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert sorted(teacher["runs"]) == [str(transfer.parent / name) for name in ("one", "two")]
    assert teacher["texts"] == sorted(str(corpus / name) for name in ("train.conll", "dev.conll", "raw.txt"))
    shown = call("cache", "list", transfer).stdout
    assert str(teacher["blocks"]) in shown
    for text in ("nowhere", transfer.parent / "one"):
        refused = call("cache", "list", text)
        assert refused.exit_code == 2
        assert "holds no transfer set; expected the transfer_dir of a run, e.g. runs/transfer" in refused.stderr


def test_verify_moves_damaged_files_aside_and_the_next_run_repairs_them(corpus: Path, transfer: Path) -> None:
    before = blocks(transfer)
    whole = call("cache", "verify", transfer)
    assert (whole.exit_code, whole.stdout) == (0, f"{len(before) + 2} files are whole, 0 damaged\n")  # 2 of predictions
    path = min(transfer.glob("*/*.arrow"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    damaged = call("cache", "verify", transfer)
    assert (damaged.exit_code, damaged.stdout) == (1, f"{len(before) + 1} files are whole, 1 damaged\n")
    assert damaged.stderr == f"{path}: damaged (its checksum differs); moved to {path.name}.damaged\n"
    assert call("cache", "verify", transfer).exit_code == 0
    for name, more in (("one", ()), ("two", ("--set", f"data.train={corpus / 'dev.conll'}"))):
        settings = ("--output-dir", corpus / "runs" / name, "--overwrite", *STEPS, *more)
        assert call("tagger_kd", corpus / "tagger_kd.yaml", *settings).exit_code == 0
    assert blocks(transfer) == before


def test_prune_keeps_what_existing_runs_read(corpus: Path, transfer: Path) -> None:
    before = blocks(transfer)
    (folder,) = (path.parent for path in transfer.glob("*/teacher.json"))
    examples = len([path for path in (transfer / "examples").rglob("*") if path.is_file()])
    assert examples > 0
    nothing = call("cache", "prune", transfer)
    assert nothing.stdout.startswith(f"removed: 0 blocks and {examples} other files, ")
    assert nothing.stdout.endswith(f" MB; kept: {len(before)} blocks in use\n")
    assert not (transfer / "examples").exists()
    for name in ("manifest.json", "000000.arrow", f"{'0' * 32}.arrow.damaged", f"{'0' * 32}.arrow"):
        (folder / name).write_bytes(b"old")
    shutil.rmtree(corpus / "runs/two")
    planned = call("cache", "prune", transfer, "--dry-run").stdout
    assert planned.startswith("would be removed: 2 blocks and 4 other files, ")
    assert len(blocks(transfer)) == len(before) + 2
    pruned = call("cache", "prune", transfer).stdout
    assert pruned == planned.replace("would be removed", "removed")
    left = blocks(transfer)
    assert len(left) == len(before) - 1
    assert left.items() <= before.items()
    again = call("tagger_kd", corpus / "tagger_kd.yaml", "--output-dir", corpus / "runs/one", "--overwrite", *STEPS)
    assert " sentences reused, 0 computed" in again.stderr

    shutil.rmtree(corpus / "runs/one")
    assert call("cache", "prune", transfer).stdout.endswith("; kept: 0 blocks in use\n")
    assert not folder.exists()
    assert not list((transfer / "runs").iterdir())
    assert not list((transfer / "texts").iterdir())


def test_prune_removes_no_file_of_others(corpus: Path, transfer: Path) -> None:
    (folder,) = (path.parent for path in transfer.glob("*/teacher.json"))
    others = [
        transfer / "app/manifest.json",
        transfer / "app/index.html",
        transfer / "examples/my_run/scores.json",
        transfer / "runs/mine.json",
        transfer / "texts/mine.json",
        folder / "notes.txt",
        folder / "predictions/mine.arrow",
    ]
    for path in others:
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("{}")
    for name in ("one", "two"):
        shutil.rmtree(corpus / "runs" / name)
    assert call("cache", "prune", transfer).exit_code == 0
    assert not blocks(transfer).keys() - {"mine.arrow"}
    assert [path for path in others if not path.is_file()] == []
    alone = call("cache", "prune", transfer / "app")
    assert alone.exit_code == 2
    assert "holds no transfer set" in alone.stderr


def test_prune_keeps_the_blocks_of_a_run_that_was_killed_while_it_labeled(corpus: Path, transfer: Path) -> None:
    before = blocks(transfer)
    for path in (transfer / "runs").glob("*.json"):
        path.unlink()
    record_use(
        transfer,
        Run(corpus / "runs/one", device="cpu"),
        [next(transfer.glob("*/teacher.json")).parent.name],
        is_labeling=True,
    )
    assert call("cache", "prune", transfer).exit_code == 0
    assert blocks(transfer) == before


def test_prune_is_refused_while_a_run_labels(transfer: Path) -> None:
    (folder,) = (path.parent for path in transfer.glob("*/teacher.json"))
    with FileLock(transfer / f"{folder.name}.lock"):
        refused = call("cache", "prune", transfer)
    assert refused.exit_code == 2
    assert "a run labels text there; repeat this command when it has finished" in refused.stderr


def test_prune_refuses_a_url() -> None:
    result = call("cache", "prune", "s3://me:secret@bucket/transfer")
    assert (result.exit_code, "secret" in result.stderr) == (2, False)
    assert "TRANSFER_DIR: found s3://" in result.stderr
    assert "expected a folder: below a URL, it is not known which runs need what" in result.stderr
