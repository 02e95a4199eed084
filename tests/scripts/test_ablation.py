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


def write_run(root: Path, run: str, dev: float, divergence: float, key: str = "a" * 32) -> None:
    folder = root / "runs" / run
    folder.mkdir(parents=True)
    scores = {"dev": {"metric": "f1", "f1": dev}, "parameters": 7, "steps": 1000, "seconds": 60}
    distillation_scores = {"divergence": {"dev": divergence}, "teacher": {"key": f"{key}-torch-fp32"}}
    (folder / "scores.json").write_text(json.dumps({**scores, **distillation_scores}))
    (folder / "config.yaml").write_text("precision: fp32\n")


def test_rows_are_sorted_by_divergence_after_the_default(root: Path) -> None:
    write_run(root, "ablation/default", 0.5, 0.05)
    write_run(root, "ablation/no-rare_w", 0.6, 0.06)
    write_run(root, "ablation/crf", 0.4, 0.04)
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


def test_error_if_rows_have_different_teachers(root: Path) -> None:
    write_run(root, "ablation/default", 0.5, 0.05)
    write_run(root, "ablation/crf", 0.4, 0.04, key="b" * 32)
    with pytest.raises(SystemExit, match="rows of several teachers"):
        ablation.table(LEVERS)
    assert ablation.table(TRAIN_ALONE) == []


def test_a_row_of_several_seeds_needs_all_seeds(root: Path) -> None:
    for seed in (0, 1):
        write_run(root, f"wnut17/tagger_kd-seeds/seed-{seed}", 0.6 + seed / 50, 0.07)
    assert ablation.table(LONG) == []
    write_run(root, "wnut17/tagger_kd-seeds/seed-2", 0.64, 0.07)
    (line,) = ablation.table(LONG)[6:]
    assert line.startswith("| the default | 62.00 (60.00 to 64.00) | 0.0700 | 1,000 | 7 | 60 | ")
    assert "--set 'seeds=[0,1,2]' --output-dir runs/wnut17/tagger_kd-seeds" in line


def test_a_table_without_finished_rows_is_not_changed(root: Path) -> None:
    def render_page(*tables: str) -> str:
        parts = zip((LEVERS, TRAIN_ALONE, LONG), tables, strict=True)
        marker = "<!-- {0} of python -m scripts.ablation: {1} -->"
        section = f"{marker.format('{0}', 'begin')}\n\n{{1}}\n\n{marker.format('{0}', 'end')}\n"
        return "above\n" + "between\n".join(section.format(group.key, text) for group, text in parts)

    (root / "accuracy.md").write_text(render_page("old levers", "old alone", "old long"))
    write_run(root, "ablation/gold", 0.5, 0.05)
    ablation.write()
    new_table = "\n".join(ablation.table(TRAIN_ALONE))
    assert (root / "accuracy.md").read_text() == render_page("old levers", new_table, "old long")


def test_ablations_read_no_test_set() -> None:
    """Settings are chosen on dev sentences."""
    for config in ("tagger_kd", "tagger_kd-gold", "tagger_kd-long"):
        path = runs.ROOT / f"configs/ablation/{config}.yaml"
        assert load_config(COMMANDS["tagger_kd"], path, check_files=False).config.data.test is None
    names = [row.name for group in ablation.GROUPS for row in group.rows]
    assert len(names) == len(set(names))
    assert all(row.config in ("tagger_kd", "tagger_kd-gold", "tagger_kd-long") for row in ablation.rows().values())
