import json
from pathlib import Path

import pytest

from nlptrain.config import COMMANDS, load_config
from scripts import ablation, runs, shares

LEVERS, TRAIN_ALONE, LONG = ablation.GROUPS


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (runs, shares, ablation):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(ablation, "OUT", tmp_path / "accuracy.md")
    return tmp_path


def finished(root: Path, run: str, dev: float, divergence: float, key: str = "a" * 32) -> None:
    folder = root / "runs" / run
    folder.mkdir(parents=True)
    scores = {"dev": {"metric": "f1", "f1": dev}, "parameters": 7, "steps": 1000, "seconds": 60}
    more = {"divergence": {"dev": divergence}, "teacher": {"key": f"{key}-torch-fp32"}}
    (folder / "scores.json").write_text(json.dumps({**scores, **more}))
    (folder / "config.yaml").write_text("precision: fp32\n")


def test_rows_follow_the_default_by_divergence(root: Path) -> None:
    finished(root, "ablation/default", 0.5, 0.05)
    finished(root, "ablation/no-rare_w", 0.6, 0.06)
    finished(root, "ablation/crf", 0.4, 0.04)
    lines = ablation.table(LEVERS)
    assert lines[2] == f"Teacher `{'a' * 32}-torch-fp32`."
    assert [line.split(" | ")[0] for line in lines[6:]] == [
        "| the default",
        "| networks: CRF",
        "| targets: all words have equal weight",
    ]
    assert (
        "| 50.00 | 0.0500 | 1,000 | 7 | 60 | `nlptrain tagger_kd configs/ablation/tagger_kd.yaml --seed 0 " in lines[6]
    )


def test_only_rows_of_one_teacher_are_compared(root: Path) -> None:
    finished(root, "ablation/default", 0.5, 0.05)
    finished(root, "ablation/crf", 0.4, 0.04, key="b" * 32)
    with pytest.raises(SystemExit, match="rows of several teachers"):
        ablation.table(LEVERS)
    assert ablation.table(TRAIN_ALONE) == []


def test_a_row_of_several_seeds_needs_all_of_them(root: Path) -> None:
    for seed in (0, 1):
        finished(root, f"wnut17/tagger_kd-seeds/seed-{seed}", 0.6 + seed / 50, 0.07)
    assert ablation.table(LONG) == []
    finished(root, "wnut17/tagger_kd-seeds/seed-2", 0.64, 0.07)
    (line,) = ablation.table(LONG)[6:]
    assert line.startswith("| the default | 62.00 (60.00 to 64.00) | 0.0700 | 1,000 | 7 | 60 | ")
    assert "--set 'seeds=[0,1,2]' --output-dir runs/wnut17/tagger_kd-seeds" in line


def test_a_table_stays_while_none_of_its_rows_is_there(root: Path) -> None:
    def page(*tables: str) -> str:
        parts = zip((LEVERS, TRAIN_ALONE, LONG), tables, strict=True)
        mark = "<!-- {0} of python -m scripts.ablation: {1} -->"
        ends = f"{mark.format('{0}', 'begin')}\n\n{{1}}\n\n{mark.format('{0}', 'end')}\n"
        return "above\n" + "between\n".join(ends.format(group.key, text) for group, text in parts)

    (root / "accuracy.md").write_text(page("old levers", "old made", "old long"))
    finished(root, "ablation/gold", 0.5, 0.05)
    ablation.write()
    assert (root / "accuracy.md").read_text() == page("old levers", "\n".join(ablation.table(TRAIN_ALONE)), "old long")


def test_no_row_reads_a_test_set_that_scripts_shares_does_not() -> None:
    """All is chosen on dev."""
    for config in ("tagger_kd", "tagger_kd-gold", "tagger_kd-long"):
        path = runs.ROOT / f"configs/ablation/{config}.yaml"
        assert load_config(COMMANDS["tagger_kd"], path, check_files=False).config.data.test is None
    names = [row.name for group in ablation.GROUPS for row in group.rows]
    assert len(names) == len(set(names))
    assert all(row.config in ("tagger_kd", "tagger_kd-gold", "tagger_kd-long") for row in ablation.rows().values())
