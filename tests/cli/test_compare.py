"""The command compare: seeds as one row, and the bootstrap of differences."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.helpers.commands import call, write_configs
from tests.helpers.corpora import make_sentences, write_columns

pytestmark = pytest.mark.slow

SHORT = ("--set", "train.steps=50", "--set", "train.eval_every=25")
SHORTER = ("--set", "train.steps=20", "--set", "train.eval_every=20")  # so that seeds differ


@pytest.fixture(scope="module")
def finished_runs(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """Train a teacher, the control and three seeds of a student; the tests use copies of them."""
    folder = tmp_path_factory.mktemp("compare")
    for split, count, seed in (("train", 60, 1), ("dev", 20, 2), ("test", 40, 3)):
        write_columns(folder / f"{split}.conll", make_sentences(count, seed))
    (folder / "raw.txt").write_text("\n".join(" ".join(words) for words, _ in make_sentences(300, 4)))
    paths = write_configs(folder, tiny_bert)
    for name, more in (
        ("transformer_token", ("--set", "train.epochs=6")),
        ("tagger", SHORT),
        ("tagger_kd", (*SHORTER, "--set", "seeds=[0, 1, 2]")),
    ):
        done = call(name, paths[name], *more)
        assert done.exit_code == 0, done.output
    return folder / "runs"


@pytest.fixture
def runs(finished_runs: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished_runs, tmp_path / "runs")
    return tmp_path / "runs"


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def write_again(path: Path, text: str) -> None:
    """Write a file of a finished run as if the run had written it."""
    path.write_text(text)
    (path.parent / "SHA256SUMS").unlink()


def compare_json(*arguments: object) -> dict[str, Any]:
    result = call("compare", *arguments, "--json", "--no-speed")
    assert result.exit_code == 0, result.output
    comparison: dict[str, Any] = json.loads(result.stdout)
    return comparison


def test_the_seeds_of_a_folder_are_one_row(runs: Path) -> None:
    (row,) = compare_json(runs / "tagger_kd")["runs"]
    seed_scores = [read(runs / f"tagger_kd/seed-{seed}/scores.json") for seed in range(3)]
    f1_scores = [scores["test"]["f1"] for scores in seed_scores]
    assert len(set(f1_scores)) > 1
    assert row["f1"] == pytest.approx(sum(f1_scores) / 3, abs=1e-15)
    assert row["spread"] == [min(f1_scores), max(f1_scores)]
    assert row["recall"] == pytest.approx(sum(scores["test"]["recall"] for scores in seed_scores) / 3, abs=1e-15)
    people = [scores["test"]["types"]["person"]["f1"] for scores in seed_scores]
    assert row["types"]["person"]["f1"] == pytest.approx(sum(people) / 3, abs=1e-15)
    assert row["types"]["person"]["support"] == seed_scores[0]["test"]["types"]["person"]["support"]
    assert (row["seed"], row["seeds"]) == (None, [0, 1, 2])
    assert (row["parameters"], row["bytes"]) == (seed_scores[0]["parameters"], seed_scores[0]["bytes"])
    assert row["share_of_teacher"] == row["f1"] / seed_scores[0]["teacher"]["test"]["f1"]
    single = compare_json(runs / "tagger_kd/seed-1")["runs"][0]
    assert (single["f1"], single["seed"], single["seeds"], single["spread"]) == (f1_scores[1], 1, None, None)


def test_the_table_shows_the_spread_and_times_the_first_seed(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    comparison = call("compare", "tagger", "tagger_kd", "--no-speed").stdout
    (row,) = compare_json("tagger_kd")["runs"]
    assert "tagger_kd (3 seeds)" in comparison
    assert f"{row['f1']:.4f}   {row['spread'][0]:.4f} to {row['spread'][1]:.4f}" in comparison
    assert "spread" not in call("compare", "tagger", "--no-speed").stdout
    timed = json.loads(call("compare", "tagger", "tagger_kd", "--json").stdout)["runs"]
    assert all(row["words_per_second"] > 0 for row in timed)


def test_error_if_seeds_are_unfinished_or_have_other_settings(runs: Path) -> None:
    identity = read(runs / "tagger_kd/seed-2/run.json")
    identity["config"]["train"]["ema"] = 0.5
    write_again(runs / "tagger_kd/seed-2/run.json", json.dumps(identity))
    unlike = call("compare", runs / "tagger_kd", "--no-speed")
    assert unlike.exit_code == 2
    assert f"seed-2: differs from {runs / 'tagger_kd/seed-0'} in config.train.ema;" in unlike.stderr
    (runs / "tagger_kd/seed-1/scores.json").unlink()
    unfinished = call("compare", runs / "tagger_kd", "--no-speed")
    assert unfinished.exit_code == 2
    assert f"{runs / 'tagger_kd/seed-1'}: this seed of {runs / 'tagger_kd'} has not finished" in unfinished.stderr


def counts(run: Path, *keys: str) -> np.ndarray:
    values = read(run / "counts.json")
    for key in keys:
        values = values[key]
    return np.array([values[name] for name in ("correct", "predicted", "gold")])


def f1(sums: np.ndarray) -> Any:
    return 2 * sums[0] / (sums[1] + sums[2])


def test_intervals_match_a_bootstrap_of_sentences(runs: Path) -> None:
    teacher, control, student = (runs / name for name in ("transformer_token", "tagger", "tagger_kd"))
    comparison = compare_json(teacher, control, student, "--bootstrap", 2000)
    bootstrap = comparison["bootstrap"]
    assert (bootstrap["resamples"], bootstrap["sentences"]) == (2000, 40)
    pairs = [(difference["run"], difference["against"]) for difference in bootstrap["differences"]]
    assert pairs == [(str(control), str(teacher)), (str(student), str(teacher)), (str(student), str(control))]
    scores = {row["run"]: row["f1"] for row in comparison["runs"]}
    for difference in bootstrap["differences"]:
        assert difference["difference"] == scores[difference["run"]] - scores[difference["against"]]
        assert difference["interval"][0] <= difference["difference"] <= difference["interval"][1]
        assert 2 / 2001 <= difference["p"] <= 1
    # The same in a loop, with another random seed: intervals of 2,000 resamples differ by some hundredths.
    rng = np.random.default_rng(9)
    teacher_counts, student_counts = counts(teacher, "test"), [counts(student / f"seed-{n}", "test") for n in range(3)]
    differences, shares = [], []
    for _ in range(2000):
        indices = rng.integers(40, size=40)
        score = np.mean([f1(seed_counts[:, indices].sum(axis=1)) for seed_counts in student_counts])
        differences.append(score - f1(teacher_counts[:, indices].sum(axis=1)))
        shares.append(score / f1(teacher_counts[:, indices].sum(axis=1)))
    difference = bootstrap["differences"][1]
    assert difference["interval"] == pytest.approx(np.percentile(differences, [2.5, 97.5]), abs=0.03)
    assert difference["share_interval"] == pytest.approx(np.percentile(shares, [2.5, 97.5]), abs=0.03)
    assert difference["share"] == comparison["runs"][2]["share_of_teacher"]
    assert bootstrap["differences"][2]["share"] is None
    assert compare_json(teacher, control, student, "--bootstrap", 2000) == comparison


def test_the_teacher_scores_stored_with_a_student_suffice(runs: Path) -> None:
    with_run = compare_json(runs / "transformer_token", runs / "tagger_kd", "--bootstrap", 200)["bootstrap"]
    without = compare_json(runs / "tagger_kd", "--bootstrap", 200)["bootstrap"]
    (difference,), (other_difference,) = with_run["differences"], without["differences"]
    assert other_difference["against"] == read(runs / "tagger_kd/seed-0/scores.json")["teacher"]["name"]
    assert {**difference, "against": ""} == {**other_difference, "against": ""}
    assert (counts(runs / "tagger_kd/seed-0", "teacher", "test") == counts(runs / "transformer_token", "test")).all()


def test_note_if_a_student_has_another_teacher(runs: Path) -> None:
    """The shares of all students refer to the score of one teacher."""
    shutil.copytree(runs / "tagger_kd/seed-0", runs / "foreign")
    path = runs / "foreign/scores.json"
    scores = read(path)
    own = scores["teacher"]["test"]["f1"] = scores["teacher"]["test"]["f1"] / 2
    write_again(path, json.dumps(scores))
    unchanged = call("compare", runs / "transformer_token", runs / "tagger_kd", "--no-speed", "--json")
    assert "distilled from" not in unchanged.stderr
    result = call("compare", runs / "tagger_kd", runs / "foreign", "--no-speed", "--json")
    assert f"note: {runs / 'foreign'}: distilled from " in result.stderr
    assert f"({own:.4f}), but its share refers to another teacher's score ({2 * own:.4f})" in result.stderr
    assert [row["own_teacher"] for row in json.loads(result.stdout)["runs"]] == [2 * own, own]


def test_identical_runs_have_no_difference(runs: Path) -> None:
    shutil.copytree(runs / "tagger", runs / "twin")
    (difference,) = compare_json(runs / "tagger", runs / "twin", "--bootstrap", 500)["bootstrap"]["differences"]
    assert (difference["run"], difference["against"]) == (str(runs / "twin"), str(runs / "tagger"))
    assert (difference["difference"], difference["interval"], difference["p"]) == (0, [0, 0], 1)


def test_differences_are_printed_as_a_second_table(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    result = call("compare", "tagger", "tagger_kd", "--no-speed", "--bootstrap", 1000)
    assert result.exit_code == 0, result.output
    assert "test f1, differences: 1,000 resamples of 40 sentences, 95 % intervals" in result.stdout
    differences = compare_json("tagger", "tagger_kd", "--bootstrap", 1000)["bootstrap"]["differences"]
    (difference,) = (difference for difference in differences if difference["against"] == "tagger")
    low, high = difference["interval"]
    row = [
        "tagger_kd",
        "tagger",
        f"{difference['difference']:+.4f}",
        f"{low:+.4f} to {high:+.4f}",
        f"{difference['p']:.3g}",
    ]
    assert row in [re.split(r" {2,}", line.strip()) for line in result.stdout.split("\n")]


def test_error_if_runs_cannot_be_resampled(runs: Path) -> None:
    alone = call("compare", runs / "tagger", "--no-speed", "--bootstrap", 1000)
    assert alone.exit_code == 2
    assert "bootstrap: neither a teacher nor a control to compare with" in alone.stderr
    assert call("compare", runs / "tagger", "--bootstrap", 3).exit_code == 2
    other = read(runs / "tagger/counts.json")
    other["test"]["gold"][0] += 1
    write_again(runs / "tagger/counts.json", json.dumps(other))
    unlike = call("compare", runs / "tagger", runs / "tagger_kd", "--no-speed", "--bootstrap", 1000)
    assert unlike.exit_code == 2
    assert "tagger: scored on other gold tags than " in unlike.stderr
    (runs / "tagger_kd/seed-1/counts.json").unlink()
    older = call("compare", runs / "tagger", runs / "tagger_kd", "--no-speed", "--bootstrap", 1000)
    assert older.exit_code == 2
    assert f"{runs / 'tagger_kd/seed-1'}: no counts.json, as in runs of older versions; expected " in older.stderr
    assert "train the run again with " in older.stderr
    assert call("compare", runs / "tagger", runs / "tagger_kd", "--no-speed").exit_code == 0


def test_overwrite_removes_counts_json(runs: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = yaml.safe_load((runs / "tagger/config.yaml").read_text())
    path = runs / "tagger.yaml"
    path.write_text(yaml.safe_dump({**values, "output_dir": str(runs / "tagger")}))
    monkeypatch.setattr("nlptrain.procedures.student_training.fit", lambda *_, **__: 1 / 0)
    result = call("tagger", path, "--overwrite")
    assert isinstance(result.exception, ZeroDivisionError)
    assert not (runs / "tagger/counts.json").exists()


def test_unmet_requirements_are_listed_and_end_with_code_1(runs: Path) -> None:
    names = ("transformer_token", "tagger", "tagger_kd")
    (_, _, row) = compare_json(*(runs / name for name in names))["runs"]
    folders = [runs / name for name in names]
    met = (
        f"share >= {row['share_of_teacher'] - 1e-6}",
        "f1>0",
        f"parameters <= {row['parameters']}",
        "gain > -100%",
    )
    done = call("compare", *folders, "--no-speed", *(part for text in met for part in ("--require", text)))
    assert done.exit_code == 0
    assert "failed" not in done.stderr
    kind, values = next(iter(row["types"].items()))
    unmet = ("share >= 2", f"type.{kind}.f1 > {values['f1']}", "steps < 1e3")
    done = call("compare", *folders, "--no-speed", *(part for text in unmet for part in ("--require", text)))
    assert done.exit_code == 1
    failed = [line for line in done.stderr.split("\n") if line.startswith("failed: ")]
    assert len(failed) == 2
    assert failed[0] == f"failed: {runs}/tagger_kd: share is {row['share_of_teacher']:.4g}, required is 'share >= 2'"
    assert f"failed: {runs}/tagger_kd: type.{kind}.f1 is {values['f1']:,.4g}, required is" in failed[1]
    assert "F1 per type" in done.stdout
    comparison = call("compare", *folders, "--no-speed", "--json", "--require", "share >= 2")
    assert comparison.exit_code == 1
    assert len(json.loads(comparison.stdout)["failed"]) == 1
    alone = call(
        "compare", runs / "tagger", "--no-speed", "--require", "f1 >= 2"
    )  # the requirement applies to the control if there is no student
    assert alone.exit_code == 1


@pytest.mark.parametrize(
    ("requirement", "message"),
    [
        ("share", "require: found 'share'; expected METRIC OPERATOR NUMBER"),
        ("share >= x", "require: found 'share >= x'; expected METRIC"),
        ("share >= 1.2.3", "require: found 'share >= 1.2.3'; expected METRIC"),
        ("shre >= 0.9", "has no metric 'shre'; did you mean 'share'?"),
        ("type.persn.f1 >= 0.9", "has no metric 'type.persn.f1'; did you mean 'type.person.f1'?"),
        ("zzz > 1", "has no metric 'zzz'; known: f1, precision, recall, parameters, bytes, steps, share"),
    ],
)
def test_an_invalid_requirement_ends_with_code_2(runs: Path, requirement: str, message: str) -> None:
    done = call("compare", runs / "transformer_token", runs / "tagger_kd", "--no-speed", "--require", requirement)
    assert done.exit_code == 2
    assert message in done.stderr
    none = call("compare", runs / "transformer_token", "--no-speed", "--require", "f1 > 0")
    assert (none.exit_code, "no student among these runs" in none.stderr) == (2, True)


def test_types_far_below_the_teacher_are_reported(runs: Path) -> None:
    for seed in range(3):
        path = runs / f"tagger_kd/seed-{seed}/scores.json"
        scores = read(path)
        for kind, change in (("person", 0.101), ("place", 0.099)):
            scores["teacher"]["test"]["types"][kind]["f1"] = scores["test"]["types"][kind]["f1"] + change
        write_again(path, json.dumps(scores))
    done = call("compare", runs / "tagger_kd/seed-1", "--no-speed")
    assert "seed-1: person is 10.1 points below its teacher (F1 0." in done.stderr
    assert "place is" not in done.stderr
    (row,) = compare_json(runs / "tagger_kd/seed-1")["runs"]
    assert row["far_behind"] == ["person"]
