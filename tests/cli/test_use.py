"""Commands that use a model, with entities and parts of speech, and errors before a training."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from filelock import FileLock
from rich.console import Console

from nlptrain.run.run import Run
from tests.helpers.architectures import ARCHITECTURES
from tests.helpers.command_server import CommandServer
from tests.helpers.commands import call, write_configs
from tests.helpers.corpora import make_sentences, write_corpus, write_part_of_speech_corpus

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished_tagger(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    folder = write_corpus(tmp_path_factory.mktemp("finished"))
    path = write_configs(folder, tiny_bert)["tagger"]
    assert call("tagger", path, "--set", "train.steps=150").exit_code == 0
    return folder / "runs/tagger"


@pytest.fixture
def trained_run(finished_tagger: Path, corpus: Path) -> Path:
    shutil.copytree(finished_tagger, corpus / "runs/tagger")
    return corpus / "runs/tagger"


def test_parts_of_speech_with_all_commands(corpus: Path, tiny_bert: Path) -> None:
    write_part_of_speech_corpus(corpus)
    paths = write_configs(corpus, tiny_bert)
    columns = [
        value for split in ("train", "dev", "test") for value in ("--set", f"data.{split}={corpus / f'{split}.conllu'}")
    ]
    assert call("transformer_token", paths["transformer_token"], *columns).exit_code == 0
    for name in ("tagger_kd", "pseudo_label"):
        done = call(name, paths[name], *columns)
        assert done.exit_code == 0, done.output
        assert "accuracy" in done.stdout
    run = corpus / "runs/tagger_kd"
    evaluated = json.loads(call("evaluate", run, corpus / "test.conllu", "--json").stdout)
    assert evaluated["metric"] == "accuracy"
    assert evaluated["accuracy"] > 0.9
    (row,) = (json.loads(line) for line in call("predict", run, text="what rain near Oslo!\n").stdout.splitlines())
    assert [(word["text"], word["tag"]) for word in row["words"]][-3:] == [
        ("near", "ADP"),
        ("Oslo", "X"),
        ("!", "PUNCT"),
    ]
    assert all(row["text"][word["start"] : word["end"]] == word["text"] for word in row["words"])
    table = call("compare", corpus / "runs/transformer_token", run, "--no-speed").stdout
    assert "accuracy" in table
    assert "PUNCT" in table
    assert "words/s" not in table
    shown = json.loads(call("compare", run, "--no-speed", "--json", "--bootstrap", 100).stdout)
    (difference,) = shown["bootstrap"]["differences"]  # from the teacher, whose counts are stored with the student
    assert difference["difference"] == shown["runs"][0]["accuracy"] - shown["teacher"]
    assert difference["interval"][0] <= difference["difference"] <= difference["interval"][1]


def test_a_run_without_dev_and_test(corpus: Path, tiny_bert: Path) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    values = yaml.safe_load(path.read_text())
    values["data"] = {"train": str(corpus / "train.conll")}
    path.write_text(yaml.safe_dump(values))
    done = call("tagger", path)
    assert done.exit_code == 0, done.output
    assert "of 60 train sentences, chosen by hash (data.dev is not set)" in done.stderr
    scores = json.loads((corpus / "runs/tagger/scores.json").read_text())
    assert "test" not in scores
    assert call("compare", corpus / "runs/tagger", "--no-speed").exit_code == 0


def test_evaluate_with_strict_lists_the_faults_of_all_files(trained_run: Path, tmp_path: Path) -> None:
    """Instead of scores."""
    (tmp_path / "a.conll").write_text("Ada\tI-person\nsings\tO\n\nBoris\tB-person\n\nFarid\tB-person\n")
    (tmp_path / "b.conll").write_text("Ada\tB-person\n\nlonely\n")
    strict = call("evaluate", trained_run, tmp_path / "a.conll", tmp_path / "b.conll", "--strict")
    assert (strict.exit_code, strict.stdout) == (2, "")
    assert [line.split("; ")[0] for line in strict.stderr.splitlines()] == [
        f"error: {tmp_path}/a.conll:1: tag that IOB2 does not allow there: found I-person at the start of a sentence",
        f"error: {tmp_path}/b.conll:3: line without a tag: found 1 column ('lonely')",
    ]
    assert call("evaluate", trained_run, tmp_path / "a.conll", tmp_path / "b.conll").exit_code == 0


def test_evaluate_reads_each_format_and_reports_unknown_labels(trained_run: Path, corpus: Path) -> None:
    shown = call("evaluate", trained_run, corpus / "test.conll").stdout
    assert shown.startswith("f1 ")
    assert "person" in shown
    rows = [json.dumps({"tokens": words, "tags": tags}) for words, tags in make_sentences(20, 3)]
    (corpus / "test.jsonl").write_text("\n".join(rows))
    assert call("evaluate", trained_run, corpus / "test.jsonl").stdout == shown
    (corpus / "other.conll").write_text("Ada B-persn\n")
    other = call("evaluate", trained_run, corpus / "other.conll")
    assert other.exit_code == 2
    assert "other.conll:1: found 'B-persn'" in other.stderr
    assert "did you mean 'B-person'?" in other.stderr
    (corpus / "turned.conll").write_text("O Ada\nB-place Oslo\n")
    turned = call(
        "evaluate", trained_run, corpus / "turned.conll", "--words-column", "2", "--tags-column", "1", "--json"
    )
    assert json.loads(turned.stdout)["words"] == 2
    assert call("evaluate", trained_run, corpus / "none.conll").exit_code == 2
    assert "expected auto, cpu, cuda" in call("evaluate", trained_run, corpus / "test.conll", "--device", "gpu").stderr
    assert call("evaluate", corpus / "nowhere", corpus / "test.conll").exit_code == 2


def test_predict_writes_each_block_immediately(trained_run: Path, command_server: CommandServer) -> None:
    """The tags of a block are written before the next block is read."""
    process = subprocess.Popen(
        [command_server.python, "-m", "nlptrain", "predict", trained_run],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(512):
        process.stdin.write("Ada lives in Oslo .\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["text"] == "Ada lives in Oslo ."  # with the input still open
    process.stdin.close()
    assert len(process.stdout.readlines()) == 511
    assert process.wait(timeout=60) == 0
    process.stdout.close()


def test_error_if_runs_cannot_be_compared(trained_run: Path, corpus: Path, tiny_bert: Path) -> None:
    none = call("compare", corpus / "nothing")
    assert none.exit_code == 2
    assert "no scores.json; expected the folder of a finished run" in none.stderr
    with (corpus / "test.conll").open("a") as file:
        file.write("\nAda\tB-person\n")
    other = corpus / "runs/other"
    assert call("tagger", write_configs(corpus, tiny_bert)["tagger"], "--output-dir", other).exit_code == 0
    mixed = call("compare", trained_run, other)
    assert mixed.exit_code == 2
    assert "scored on different test files" in mixed.stderr


def test_config_show_prints_the_origin_of_each_value(corpus: Path, tiny_bert: Path) -> None:
    path = write_configs(corpus, tiny_bert)["tagger_kd"]
    shown = call("config", "show", path, "--set", "train.steps=7")
    assert shown.exit_code == 0
    rows = {line.split()[0]: line.split() for line in shown.stdout.split("\n") if line}
    assert rows["train.steps"] == ["train.steps", "7", "--set"]
    assert rows["train.clip_norm"] == ["train.clip_norm", "5.0", "auto:", "a", "tagger"]
    assert rows["teacher"][-1] == str(path)
    assert rows["train.schedule"] == ["train.schedule", "cosine", "default"]
    assert shown.stdout.startswith(f"# nlptrain tagger_kd {path}")
    assert call("config", "show", path, "--command", "nonsense").exit_code == 2


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE: found 2, but RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT not set"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE: found 'two'"),
    ],
)
def test_error_if_variables_of_a_launcher_are_missing(
    corpus: Path, tiny_bert: Path, variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = call("tagger", write_configs(corpus, tiny_bert)["tagger"])
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (corpus / "runs/tagger").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "mps"], "torch has no Apple GPU"),
        (["--device", "cuda"], "has no CUDA device"),
        (["--set", "precision=fp16"], "found fp16, which needs a CUDA device"),
    ],
)
def test_error_if_the_device_is_missing(
    corpus: Path, tiny_bert: Path, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    path = write_configs(corpus, tiny_bert)["tagger"]
    values = yaml.safe_load(path.read_text())
    del values["device"]
    path.write_text(yaml.safe_dump(values))
    result = call("tagger", path, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (corpus / "runs/tagger").exists()


def test_a_folder_with_foreign_files_is_not_overwritten(corpus: Path, tiny_bert: Path) -> None:
    (corpus / "mine").mkdir()
    (corpus / "mine/thesis.txt").write_text("years of work")
    path = write_configs(corpus, tiny_bert)["tagger"]
    result = call("tagger", path, "--output-dir", corpus / "mine")
    assert result.exit_code == 2
    assert "holds thesis.txt, and no run of nlptrain" in result.stderr
    assert call("tagger", path, "--output-dir", corpus / "mine", "--overwrite").exit_code == 2
    assert (corpus / "mine/thesis.txt").read_text() == "years of work"


def test_a_terminal_shows_a_bar_and_a_pipe_plain_lines(corpus: Path, tiny_bert: Path) -> None:
    from nlptrain.training.checkpoint import Progress
    from nlptrain.training.reporter import Reporter

    shown = {}
    for terminal in (True, False):
        stream = io.StringIO()
        console = Console(file=stream, force_terminal=terminal, width=100, highlight=False, markup=False)
        with Reporter(Run(None, device="cpu", console=console), 10, Progress()) as reporter:
            reporter.evaluated(5, "f1", 0.5, is_best=True)
        shown[terminal] = stream.getvalue()
    assert "\x1b" in shown[True]
    assert "training" in shown[True]
    assert "\x1b" not in shown[False]
    assert "dev f1 0.5000" in shown[False]


def test_throughput_and_waiting_exclude_pauses(monkeypatch) -> None:
    from types import SimpleNamespace

    from nlptrain.training import reporter as reporters
    from nlptrain.training.checkpoint import Progress

    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(reporters, "time", clock)
    console = Console(file=io.StringIO(), width=100)
    reporter = reporters.Reporter(Run(None, device="cpu", console=console), 10, Progress())
    clock.now += 4.0
    reporter.step(SimpleNamespace(index=1, words=800, waited=1.0, losses={"loss": 0.0}))  # type: ignore[arg-type]
    expected = {"words_per_second": 200, "waiting": 0.25}
    assert reporter.speed == expected
    with reporter.pausing():
        clock.now += 60.0
        assert reporter.speed == expected
    assert reporter.speed == expected


def test_a_run_that_failed_before_training_can_be_repeated(corpus: Path, tiny_bert: Path) -> None:
    path = write_configs(corpus, tiny_bert)["tagger"]
    content = (corpus / "train.conll").read_text()
    (corpus / "train.conll").write_text("Ada\n")
    assert call("tagger", path).exit_code == 2
    (corpus / "train.conll").write_text(content)
    assert call("tagger", path, "--set", "train.steps=30").exit_code == 0
    assert call("tagger", path).exit_code == 2  # now there is a finished run


def test_error_if_the_output_folder_is_not_writable(corpus: Path, tiny_bert: Path) -> None:
    (corpus / "file").touch()
    result = call("tagger", write_configs(corpus, tiny_bert)["tagger"], "--output-dir", corpus / "file")
    assert result.exit_code == 2
    assert "file: is not writable" in result.stderr


def test_error_if_another_process_writes_to_the_folder(corpus: Path, tiny_bert: Path) -> None:
    (corpus / "runs/tagger").mkdir(parents=True)
    with FileLock(corpus / "runs/tagger/.lock"):
        result = call("tagger", write_configs(corpus, tiny_bert)["tagger"])
    assert result.exit_code == 2
    assert "another nlptrain process writes to this folder" in result.stderr


def test_overwrite_removes_no_input_and_no_foreign_file(corpus: Path, tiny_bert: Path) -> None:
    paths = write_configs(corpus, tiny_bert)
    (corpus / "proj/model").mkdir(parents=True)
    (corpus / "proj/model/weights").write_text("precious")
    assert call("tagger", paths["tagger"], "--output-dir", corpus / "proj", "--overwrite").exit_code == 2
    assert (corpus / "proj/model/weights").read_text() == "precious"
    assert call("transformer_token", paths["transformer_token"]).exit_code == 0
    run = corpus / "runs/transformer_token"
    own = call("transformer_token", paths["transformer_token"], "--set", f"model={run}", "--overwrite")
    assert own.exit_code == 2
    assert "which this run reads" in own.stderr
    (corpus / "bad.conll").write_text("Ada\n")
    bad = f"data.train={corpus / 'bad.conll'}"
    assert call("transformer_token", paths["transformer_token"], "--set", bad, "--overwrite").exit_code == 2
    assert (run / "scores.json").is_file()


def test_a_removed_data_file_makes_another_run(corpus: Path, tiny_bert: Path) -> None:
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"], "--set", "train.epochs=1").exit_code == 0
    (corpus / "raw2.txt").write_text("Boris went to Oslo again today .\n")
    glob = ["--set", f"data.unlabeled={corpus}/raw*.txt"]
    assert call("tagger_kd", paths["tagger_kd"], *glob).exit_code == 0
    (corpus / "raw2.txt").unlink()
    again = call("tagger_kd", paths["tagger_kd"], *glob)
    assert again.exit_code == 2
    assert "raw2.txt; give another" in again.stderr


def test_other_merges_of_a_slow_tokenizer_make_another_run(corpus: Path, tiny_bert: Path) -> None:
    ARCHITECTURES["xlm"](corpus / "xlm")
    path = write_configs(corpus, tiny_bert)["transformer_token"]
    options = ["--set", f"model={corpus / 'xlm'}", "--set", "train.epochs=1"]
    assert call("transformer_token", path, *options).exit_code == 0
    assert call("transformer_token", path, *options).exit_code == 0
    merges = corpus / "xlm/merges.txt"
    merges.write_text("\n".join(merges.read_text().splitlines()[:-1]) + "\n")
    again = call("transformer_token", path, *options)
    assert again.exit_code == 2
    assert "merges.txt; give another" in again.stderr


def test_predict_keeps_the_columns_of_rows(trained_run: Path, tmp_path: Path) -> None:
    texts = ["Ada met Kim in Oslo .", "", "what rain\nnear Paris !"]
    lines = [json.loads(line) for line in call("predict", trained_run, text=texts[0] + "\n").stdout.splitlines()]
    rows = [{"id": f"d{index}", "text": text, "more": {"x": index}} for index, text in enumerate(texts)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.parquet"):
        predicted = [json.loads(line) for line in call("predict", trained_run, tmp_path / name).stdout.splitlines()]
        assert [{name: row[name] for name in ("id", "text", "more")} for row in predicted] == rows
        assert predicted[0]["entities"] == lines[0]["entities"]
        assert all(
            row["text"][entity["start"] : entity["end"]] == entity["text"]
            for row in predicted
            for entity in row["entities"]
        )


def test_nan_and_infinity_are_null_in_json(trained_run: Path, tmp_path: Path) -> None:
    table = pa.table({"text": ["Ada sings ."], "score": [float("nan")], "more": [[1.5, float("inf")]], "id": [7]})
    pq.write_table(table, tmp_path / "rows.parquet")
    done = call("predict", trained_run, tmp_path / "rows.parquet")
    row = json.loads(done.stdout, parse_constant=pytest.fail)
    assert (row["score"], row["more"], row["id"]) == (None, [1.5, None], 7)


def test_predictions_of_tokenized_rows_can_be_read_as_gold(trained_run: Path, tmp_path: Path) -> None:
    rows = [{"id": 7, "tokens": ["Ada", "met", "Kim", "."]}, {"id": 8, "tokens": ["rain"]}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    stdout = call("predict", trained_run, tmp_path / "a.jsonl").stdout
    predicted = [json.loads(line) for line in stdout.splitlines()]
    assert [{name: row[name] for name in ("id", "tokens")} for row in predicted] == rows
    assert all(len(row["tokens"]) == len(row["tags"]) == len(row["confidences"]) for row in predicted)
    (tmp_path / "again.jsonl").write_text(stdout)
    assert call("evaluate", trained_run, tmp_path / "again.jsonl").exit_code == 0
    (tmp_path / "a.jsonl").write_text('{"text": "Ada"}\n{"tokens": ["Ada"]}\n')
    wrong = call("predict", trained_run, tmp_path / "a.jsonl")
    assert wrong.exit_code == 2
    assert "row 2: found null in 'text'; expected a string, as in the first row" in wrong.stderr
