"""The functions that use models: the results of the commands, as objects."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
import transformers
from huggingface_hub import HfApi
from huggingface_hub.utils.tqdm import are_progress_bars_disabled

import nlptrain
from nlptrain import Corpus, InputError, TokenModel, TransformerTokenClassifier
from nlptrain.api.values import plain_values
from nlptrain_runtime import Tagger
from tests.helpers.commands import call, write_configs
from tests.helpers.corpora import write_corpus

pytestmark = pytest.mark.slow

TEXT = "Ada Smith lives in Paris ."


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """Write a corpus, and the runs of a teacher and of a student."""
    corpus = write_corpus(tmp_path_factory.mktemp("corpus"))
    for name, path in write_configs(corpus, tiny_bert).items():
        if name in ("transformer_token", "tagger_kd"):
            done = call(name, path)
            assert done.exit_code == 0, done.output
    return corpus


@pytest.fixture
def student(runs: Path) -> TokenModel:
    return nlptrain.load(runs / "runs/tagger_kd")


def test_a_model_is_loaded_by_run_and_by_folder(runs, student):
    assert student.folder == runs / "runs/tagger_kd"
    inner = nlptrain.load(str(runs / "runs/tagger_kd/model"))
    assert inner.predict(TEXT) == student.predict(TEXT)
    assert type(TokenModel.from_pretrained(runs / "runs/transformer_token")) is TransformerTokenClassifier
    with pytest.raises(InputError, match="a NeuralTagger; expected a transformer"):
        TransformerTokenClassifier.from_pretrained(runs / "runs/tagger_kd")
    with pytest.raises(InputError, match=r"nowhere: .*no such folder"):
        nlptrain.load("./nowhere")


def test_scores_are_those_of_the_run(runs, student):
    written = json.loads((runs / "runs/tagger_kd/scores.json").read_text())
    scores = student.scores
    assert scores.to_json() == written
    assert scores.test is not None
    assert scores.teacher_test is not None
    assert (scores.dev.metric, scores.dev.value) == ("f1", written["dev"]["f1"])
    assert scores.test.types == written["test"]["types"]
    assert scores.teacher_test.value == written["teacher"]["test"]["f1"]
    assert (scores.parameters, scores.steps, scores.best_step) == (student.parameters(), 40, written["best_step"])
    assert nlptrain.load(runs / "runs/transformer_token").scores.teacher_dev is None
    with pytest.raises(InputError, match=r"model: has no scores.json; expected a model from a finished run"):
        _ = nlptrain.load(runs / "runs/tagger_kd/model").scores


def test_evaluate_gives_what_the_command_prints(runs, student):
    run, test = runs / "runs/tagger_kd", runs / "test.conll"
    printed = json.loads(call("evaluate", run, test, "--json").stdout)
    for model in (run, str(run), student):
        evaluation = nlptrain.evaluate(model, test)
        assert json.loads(json.dumps(evaluation.to_json())) == printed
    assert evaluation.scores.value == printed["f1"]
    assert nlptrain.evaluate(run, [test], data={"columns": {"tags": 2}}).to_json() == evaluation.to_json()
    with pytest.raises(InputError, match=r"^evaluate: data: colums: unknown key; did you mean 'columns'"):
        nlptrain.evaluate(run, test, data={"colums": {}})


def test_predict_gives_the_lines_of_the_command(runs, student):
    run, raw = runs / "runs/tagger_kd", runs / "raw.txt"
    for model in (run, student):
        assert list(nlptrain.predict(model, raw)) == call("predict", run, raw).stdout.splitlines()
    columns = "".join(nlptrain.predict(run, [str(raw)], output_format="conll", min_confidence=0.5))
    options = ("--format", "conll", "--min-confidence", 0.5)
    assert columns.split() == call("predict", run, raw, *options).stdout.split()
    assert list(nlptrain.predict(run, runs / "ra?.txt")) == list(nlptrain.predict(run, raw))
    with pytest.raises(InputError, match=r"found no file 'Ada sings.' .*texts are tagged by nlptrain.load"):
        nlptrain.predict(run, ["Ada sings."])
    with pytest.raises(InputError, match="min_confidence: found the type 'persn'; expected one of"):
        nlptrain.predict(run, raw, min_confidence={"persn": 0.5})


def test_compare_gives_what_the_command_prints(runs):
    folders = [runs / "runs/transformer_token", str(runs / "runs/tagger_kd")]
    assert (
        nlptrain.compare(map(nlptrain.load, folders), speed=False).rows == nlptrain.compare(folders, speed=False).rows
    )
    comparison = nlptrain.compare(folders, require=["share >= 5"], bootstrap=100, speed=False)
    arguments = (*folders, "--json", "--no-speed", "--bootstrap", 100, "--require", "share >= 5")
    assert json.loads(json.dumps(comparison.to_json())) == json.loads(call("compare", *arguments).stdout)
    assert len(comparison.failures) == 1
    with pytest.raises(TypeError, match="runs: found the string"):
        nlptrain.compare(str(folders[0]))


def test_export_and_benchmark(runs, student, tmp_path, monkeypatch, capfd):
    for name, short in (("_SECONDS", 0.05), ("_LATENCY_SECONDS", 0.1), ("_COLD_STARTS", 1)):
        monkeypatch.setattr(f"nlptrain.deployment.benchmark.{name}", short)
    monkeypatch.setattr("nlptrain.deployment.benchmark.Candidate.run_in_process", lambda self, texts: (0.5, len(texts)))
    assert nlptrain.export(student, tmp_path / "object") == tmp_path / "object"
    nlptrain.export(student.folder, str(tmp_path / "folder"), precision=["fp32"])
    speeds = nlptrain.benchmark([tmp_path / "object", tmp_path / "folder"], text=runs / "raw.txt", rounds=1)
    assert capfd.readouterr() == ("", "")
    expected = Tagger(tmp_path / "folder").predict([TEXT])
    assert Tagger(tmp_path / "object").predict([TEXT]) == expected
    assert [speed.runtime for speed in speeds] == ["onnx", "onnx"]
    assert all(speed.words_per_second > 0 for speed in speeds)
    nlptrain.export(student, tmp_path / "loud", progress=True)
    assert "fp32" in capfd.readouterr().err


def test_mistakes_are_reported(runs, student, tiny_bert):
    in_memory = TransformerTokenClassifier.from_pretrained(tiny_bert, student.labels)
    test = runs / "test.conll"
    cases = [
        (TypeError, "model: found TokenModel; expected a folder or a Hub name", lambda: nlptrain.load(student)),
        (TypeError, "model: found int; expected a folder, a Hub name or a model", lambda: nlptrain.evaluate(3, test)),
        (TypeError, "files: found Sentence; expected a path", lambda: nlptrain.evaluate(student, Corpus(test))),
        (TypeError, "files: found int; expected a path", lambda: nlptrain.predict(student, 3)),
        (
            InputError,
            "precision: found 'int9'.*mean 'int8'",
            lambda: nlptrain.export(student, "x", precision="int9"),
        ),
        (TypeError, "models: found the string", lambda: nlptrain.benchmark("runs")),
        (InputError, "was not loaded from a folder; save it", lambda: nlptrain.compare([in_memory])),
        (
            InputError,
            "distill: teacher: .*save the model, and give its folder",
            lambda: nlptrain.distill(teacher=in_memory),
        ),
        (TypeError, r"texts\[0\]: found list; expected a string", lambda: student.predict([["Ada", "sings"]])),
        (
            InputError,
            "min_confidence: found 30; expected a number from 0 to 1",
            lambda: student.predict("", min_confidence=30),
        ),
        (InputError, "min_confidence: found .high.", lambda: student.predict("", min_confidence="high")),
        (
            InputError,
            "found the type 'persn'.*did you mean 'person'",
            lambda: student.predict("", min_confidence={"persn": 0.9}),
        ),
    ]
    for kind, message, call_it in cases:
        with pytest.raises(kind, match=message):
            call_it()


def test_a_model_is_given_by_its_folder(runs, student):
    assert plain_values({"teacher": student}, "distill") == {"teacher": str(student.folder)}


def test_libraries_show_their_messages_again_afterwards(runs, student):
    logging = transformers.logging
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_info()
    logging.enable_progress_bar()  # also those of the Hub
    try:
        for call_it in (
            lambda: nlptrain.evaluate(student, runs / "test.conll"),
            lambda: nlptrain.predict(student, runs / "raw.txt"),
            lambda: nlptrain.load(runs / "runs/tagger_kd"),
            lambda: nlptrain.distill(runs / "tagger_kd.yaml"),
        ):
            call_it()
            assert logging.get_verbosity() == logging.INFO
            assert logging.is_progress_bar_enabled()
            assert not are_progress_bars_disabled()
    finally:
        logging.set_verbosity(before[0])
        if not before[1]:
            logging.disable_progress_bar()


def test_push_to_hub_uploads_the_folder_with_its_card(student, monkeypatch):
    calls: list[tuple[str, dict[str, object]]] = []
    files: dict[str, bytes] = {}

    class Api:
        def __init__(self, token: str | None = None) -> None:
            calls.append(("api", {"token": token}))

        def create_repo(self, repo_id: str, **options: object) -> None:
            inspect.signature(HfApi.create_repo).bind(self, repo_id, **options)
            calls.append((repo_id, options))

        def upload_folder(self, repo_id: str, folder_path: str, **options: object) -> str:
            inspect.signature(HfApi.upload_folder).bind(self, repo_id=repo_id, folder_path=folder_path, **options)
            files.update({path.name: path.read_bytes() for path in Path(folder_path).iterdir()})
            return "https://hub/commit"

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    assert student.push_to_hub("owner/name", private=True, token="secret") == "https://hub/commit"
    assert calls == [("api", {"token": "secret"}), ("owner/name", {"private": True, "exist_ok": True})]
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= set(files)
    assert files["README.md"].decode() == call("card", student.folder, "--name", "owner/name").stdout
    student.push_to_hub("owner/name", card="# Mine")
    assert files["README.md"] == b"# Mine"
    files.clear()
    assert student.folder is not None
    nlptrain.load(student.folder / "model").push_to_hub("owner/name")
    assert "README.md" not in files
