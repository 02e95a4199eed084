import json
from pathlib import Path

import pytest

from scripts import runs, shares


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (runs, shares):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


def write_run(root: Path, run: str, test: float, precision: str = "fp32", steps: int = 3000) -> None:
    folder = root / "runs" / run
    folder.mkdir(parents=True)
    split_scores = {"metric": "f1", "f1": test}
    scores = {"dev": split_scores, "test": split_scores, "parameters": 7, "steps": steps, "divergence": {"dev": 0.03}}
    (folder / "scores.json").write_text(json.dumps(scores))
    (folder / "config.yaml").write_text(f"precision: {precision}\n")


def test_a_share_compares_mean_scores_of_seeds_and_teachers(root: Path) -> None:
    for teacher, score in zip(shares.ROWS["ensemble"].teachers, (0.4, 0.5, 0.6), strict=True):
        write_run(root, teacher, score)
    for seed, score in enumerate((0.5, 0.55)):
        write_run(root, f"wnut17/tagger_kd-ensemble-seeds/seed-{seed}", score, steps=6000 - 3000 * seed)
    (row,) = [line for line in shares.table() if "three teachers" in line]
    assert ", 2 seeds |" in row
    assert "| 52.50 (50.00 to 55.00) | 105.0 (100.0 to 110.0) % | 102 % | 0.0300 | 3,000 to 6,000 | 7 |" in row


def test_rows_without_a_teacher_or_a_run_are_omitted(root: Path) -> None:
    write_run(root, "wnut17/tagger_kd-raw-seeds/seed-0", 0.5)
    write_run(root, "ud_ewt/transformer_token", 0.9)
    assert not [line for line in shares.table() if "seed" in line]


def test_a_row_shows_the_command_that_trained_it(root: Path) -> None:
    write_run(root, "wnut17/transformer_token", 0.5)
    write_run(root, "wnut17/tagger-seeds/seed-0", 0.3)
    write_run(root, "wnut17/tagger_kd-seeds/seed-0", 0.5, "bf16")
    teacher, student, control = [line.rpartition("| `")[2] for line in shares.table()[2:]]
    assert "precision" not in teacher + control
    assert "--set precision=bf16 --set teacher_precision=bf16 --set transfer_dir=" in student
    assert "--set 'seeds=[0,1,2]' --output-dir runs/wnut17/tagger-seeds" in control


def test_unfinished_dependencies_of_a_row_are_trained_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained_configs: list[str] = []
    monkeypatch.setattr(shares, "train", lambda arguments, threads: trained_configs.append(arguments[1]))
    monkeypatch.setattr(shares, "write", lambda: None)
    write_run(root, "wnut17/transformer_token", 0.5)
    refined = ["configs/wnut17/tagger_kd-refined_teacher.yaml", "configs/wnut17/tagger_kd-refined.yaml"]
    shares.run([shares.ROWS["refined"]], 1, "fp32")
    assert trained_configs == ["configs/wnut17/tagger_kd.yaml", *refined]
    trained_configs.clear()
    for seed in shares.SEEDS:
        write_run(root, f"wnut17/tagger_kd-seeds/seed-{seed}", 0.5)
    shares.run([shares.ROWS["refined"]], 1, "bf16")
    assert trained_configs == refined


def test_a_page_without_the_end_marker_is_not_changed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- b -->\n")
    with pytest.raises(SystemExit, match="no line <!-- e -->"):
        runs.replace_between(page, "<!-- b -->", "<!-- e -->", "| new |")
    assert page.read_text() == "<!-- b -->\n"


def test_the_text_around_a_table_is_kept(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- b -->\nold\n<!-- e -->\nbelow\n")
    for _ in range(2):
        runs.replace_between(page, "<!-- b -->", "<!-- e -->", "| new |")
        assert page.read_text() == "above\n<!-- b -->\n\n| new |\n\n<!-- e -->\nbelow\n"


@pytest.mark.parametrize("row", shares.ROWS.values(), ids=shares.ROWS)
def test_every_row_has_its_configuration(row: shares.Row) -> None:
    assert (runs.ROOT / f"configs/{row.config}.yaml").is_file()
    assert set(row.teachers) <= set(shares.TEACHERS)
