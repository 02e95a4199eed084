"""Training commands without a file: options set the keys, and the run stores the resulting config.yaml."""

from pathlib import Path

import pytest
import yaml

from tests.helpers.commands import call, write_configs

pytestmark = pytest.mark.slow

SMALL = [
    word
    for key in ("train.steps=2", "train.eval_every=2", "augment=none", "student.embedder.dim=8")
    for word in ("--set", key)
]


@pytest.fixture
def teacher(corpus: Path, tiny_bert: Path) -> Path:
    path = write_configs(corpus, tiny_bert)["transformer_token"]
    assert call("transformer_token", path, "--set", "train.epochs=1").exit_code == 0
    return corpus / "runs/transformer_token"


def test_a_student_from_options_alone_and_its_config_yaml(corpus: Path, teacher: Path) -> None:
    text = corpus / "text"
    text.mkdir()
    lines = (corpus / "raw.txt").read_text().splitlines()
    for name, part in (("a.txt", lines[:150]), ("b.txt", lines[150:])):
        (text / name).write_text("\n".join(part) + "\n")
    out = corpus / "out"
    options = ["--teacher", teacher, "--unlabeled", f"{text}/*.txt", "--dev", corpus / "dev.conll", "--output-dir", out]
    result = call("tagger_kd", *options, *SMALL)
    assert result.exit_code == 0, result.output
    written = yaml.safe_load((out / "config.yaml").read_text())
    assert written["data"]["unlabeled"] == f"{text}/*.txt"
    assert written["data"]["train"] is None
    assert written["teacher"] == str(teacher)
    assert f"{len(lines):,} lines" in (out / "log.txt").read_text()
    again = call("tagger_kd", out / "config.yaml")
    assert again.exit_code == 0
    assert "is finished; its scores" in again.stderr


def test_a_repeated_option_is_a_list_and_overrides_the_file(corpus: Path, tiny_bert: Path) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    train = ["--train", corpus / "train.conll", "--train", corpus / "dev.conll"]
    result = call("tagger", path, *train, "--set", "train.steps=2", "--set", "train.eval_every=2")
    assert result.exit_code == 0, result.output
    written = yaml.safe_load((corpus / "runs/tagger/config.yaml").read_text())
    assert written["data"]["train"] == [str(corpus / "train.conll"), str(corpus / "dev.conll")]
    assert written["data"]["dev"] == str(corpus / "dev.conll")
    assert "train 80 sentences" in result.stderr


def test_a_teacher_and_a_control_from_options(corpus: Path, tiny_bert: Path) -> None:
    out = corpus / "out"
    gold = ["--train", corpus / "train.conll", "--dev", corpus / "dev.conll", "--output-dir", out, "--device", "cpu"]
    result = call("transformer_token", "--model", tiny_bert, *gold, "--set", "train.epochs=1")
    assert result.exit_code == 0, result.output
    options = [*gold[:4], "--output-dir", corpus / "control", "--set", "train.steps=2", "--set", "train.eval_every=2"]
    result = call("tagger", "--tokenizer", tiny_bert, *options, "--set", "student.embedder.dim=8")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [],
            "found no CONFIG; give a YAML file (nlptrain config init tagger_kd prints one), or options: ",
        ),
        (["--teacher", "nowhere", "--unlabeled", "raw.txt"], "command line: output_dir: missing; Folder of the run"),
        (["--unlabeled", "raw.txt", "--output-dir", "out"], "command line: teacher: missing; "),
        (
            ["--teacher", "nowhere", "--unlabeled", "raw.txt", "--output-dir", "out"],
            "--teacher: teacher: there is no folder 'nowhere'",
        ),
        (
            ["--teacher", "text", "--unlabeled", "rwa.txt", "--output-dir", "out"],
            "--unlabeled: data.unlabeled: no file matches 'rwa.txt'",
        ),
        (
            ["--teacher", "text", "--unlabeled", "raw.txt", "train.conll", "--output-dir", "out"],
            "train.conll: found instead of CONFIG; expected a YAML file; an option takes one value: quote a glob",
        ),
        (
            ["--teacher", "text", "--unlabeled", "raw.txt", "train.conll", "dev.conll", "--output-dir", "out"],
            "train.conll: found instead of CONFIG",
        ),
        (["a.yaml", "b.yaml"], "found 2 files (a.yaml, b.yaml, ...); expected one; nlptrain run takes several"),
    ],
)
def test_a_missing_key_is_an_error_of_one_line(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(corpus)
    (corpus / "text").mkdir()
    result = call("tagger_kd", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {message}"), result.stderr
    assert result.stderr.count("\n") == 1
    assert not (corpus / "out").exists()


def test_a_misspelled_file_gets_a_suggestion(corpus: Path, tiny_bert: Path) -> None:
    path = write_configs(corpus, tiny_bert)["tagger_kd"]
    result = call("tagger_kd", path.with_name("tager_kd.yaml"))
    assert result.exit_code == 2
    assert f"there is no such file; did you mean '{path}'?" in result.stderr
