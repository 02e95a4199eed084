"""Files in each tag scheme, compressed or not, with the commands."""

import gzip
import json
from pathlib import Path

import pytest

from nlptrain.data.tag_schemes import Scheme, to_scheme
from tests.helpers.commands import call, write_configs
from tests.helpers.corpora import make_sentences, write_columns

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """Write a corpus in IOB2; train a teacher, a control and a student on it."""
    folder = tmp_path_factory.mktemp("trained")
    write_all(folder, "iob2")
    (folder / "raw.txt").write_text("\n".join(" ".join(words) for words, _ in make_sentences(80, 4)))
    for name, path in write_configs(folder, tiny_bert).items():
        if name != "pseudo_label":
            assert call(name, path).exit_code == 0
    return folder


def write_all(folder: Path, scheme: Scheme) -> None:
    for split, count, seed in (("train", 60, 1), ("dev", 20, 2), ("test", 20, 3)):
        written = [(words, tuple(to_scheme(tags, scheme))) for words, tags in make_sentences(count, seed)]
        write_columns(folder / f"{split}.conll", written)


@pytest.mark.parametrize("scheme", ["iob1", "iobes", "bilou"])
def test_a_corpus_in_another_scheme_gives_identical_students(
    trained: Path, tmp_path: Path, tiny_bert: Path, scheme: Scheme
) -> None:
    write_all(tmp_path, scheme)
    (tmp_path / "raw.txt").write_bytes((trained / "raw.txt").read_bytes())
    assert (tmp_path / "train.conll").read_bytes() != (trained / "train.conll").read_bytes()
    paths = write_configs(tmp_path, tiny_bert)
    result = call("tagger", paths["tagger"])
    assert result.exit_code == 0, result.stderr
    assert f"tag scheme: {scheme.upper()}, converted to IOB2 (data.scheme)" in result.stderr
    teacher = f"teacher={trained / 'runs/transformer_token'}"
    assert call("tagger_kd", paths["tagger_kd"], "--set", teacher).exit_code == 0
    for name in ("tagger", "tagger_kd"):
        for file in ("model/model.safetensors", "model/config.json"):
            assert (tmp_path / "runs" / name / file).read_bytes() == (trained / "runs" / name / file).read_bytes()
        scores, expected = (
            json.loads((folder / "runs" / name / "scores.json").read_text()) for folder in (tmp_path, trained)
        )
        assert scores["test"] == expected["test"]


@pytest.mark.parametrize("scheme", ["iob1", "iobes", "bilou"])
def test_a_model_is_evaluated_on_files_in_any_scheme(trained: Path, tmp_path: Path, scheme: Scheme) -> None:
    write_all(tmp_path, scheme)
    run = trained / "runs/transformer_token"
    expected = json.loads(call("evaluate", run, trained / "test.conll", "--json").stdout)
    assert json.loads(call("evaluate", run, tmp_path / "test.conll", "--json").stdout) == expected
    stated = call("evaluate", run, tmp_path / "test.conll", "--json", "--scheme", scheme)
    assert json.loads(stated.stdout) == expected
    wrong = call("evaluate", run, tmp_path / "test.conll", "--scheme", "iob2", "--strict")
    assert wrong.exit_code == 2
    assert "test.conll:" in wrong.stderr


def test_evaluate_reads_a_block_at_a_time(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("evaluate", trained / "runs/tagger", trained / "test.conll", "--json")
    whole = json.loads(call(*arguments).stdout)
    monkeypatch.setattr("nlptrain.procedures.inference._BLOCK", 3)
    parts = json.loads(call(*arguments).stdout)
    for report in (whole, parts):  # batches of other sizes change the last digit of a probability
        report["calibration"] = {name: pytest.approx(value, abs=1e-6) for name, value in report["calibration"].items()}
    assert parts == whole


def test_evaluate_prints_confusions(trained: Path) -> None:
    run = trained / "runs/tagger"
    result = call("evaluate", run, trained / "test.conll")
    report = json.loads(call("evaluate", run, trained / "test.conll", "--json").stdout)
    kinds = report["confusion"]["spans"]
    gold = sum(row["support"] for row in report["types"].values())
    assert sum(count for kind, count in kinds.items() if kind != "spurious") == gold
    assert f"entities: {kinds['exact']:,} exact, " in result.stdout
    assert sum(sum(row.values()) for row in report["confusion"]["types"].values()) == gold + kinds["spurious"]


def test_predictions_can_be_read_as_gold(trained: Path, tmp_path: Path) -> None:
    run = trained / "runs/transformer_token"
    text = "Ada Smith lives in Oslo .\n\n  \nBoris !\n"
    result = call("predict", run, "--format", "conll", text=text)
    assert result.exit_code == 0
    blocks = result.stdout.rstrip("\n").split("\n\n")
    assert [[line.split("\t")[0] for line in block.split("\n")] for block in blocks] == [
        ["Ada", "Smith", "lives", "in", "Oslo", "."],
        ["Boris", "!"],
    ]
    (tmp_path / "again.conll").write_text(result.stdout)
    evaluated = json.loads(call("evaluate", run, tmp_path / "again.conll", "--json").stdout)
    assert evaluated["f1"] == 1.0
    objects = tmp_path / "again.jsonl"
    objects.write_text(call("predict", run, text=text).stdout)
    assert json.loads(call("evaluate", run, objects, "--json").stdout)["f1"] == 1.0


def test_gzip_files_are_read_by_all_commands(trained: Path, tmp_path: Path, tiny_bert: Path) -> None:
    for name in ("train.conll", "dev.conll", "test.conll", "raw.txt"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((trained / name).read_bytes()))
    paths = write_configs(tmp_path, tiny_bert)
    text = paths["tagger_kd"].read_text().replace(".conll", ".conll.gz").replace("raw.txt", "raw.txt.gz")
    paths["tagger_kd"].write_text(text)
    teacher = f"teacher={trained / 'runs/transformer_token'}"
    result = call("tagger_kd", paths["tagger_kd"], "--set", teacher)
    assert result.exit_code == 0, result.stderr
    model = "runs/tagger_kd/model/model.safetensors"
    assert (tmp_path / model).read_bytes() == (trained / model).read_bytes()
    compressed, plain = (
        call("predict", trained / "runs/tagger", path) for path in (tmp_path / "raw.txt.gz", trained / "raw.txt")
    )
    assert compressed.stdout == plain.stdout
    (tmp_path / "cut.conll.gz").write_bytes((tmp_path / "test.conll.gz").read_bytes()[:-9])
    (tmp_path / "no.conll.gz").write_bytes(b"plain text\n")
    for name in ("cut", "no"):
        broken = call("evaluate", trained / "runs/tagger", tmp_path / f"{name}.conll.gz")
        assert broken.exit_code == 2
        assert f"{name}.conll.gz: not a complete gzip file" in broken.stderr
