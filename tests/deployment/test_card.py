"""The model card has the scores of the run, and the metadata that the Hub reads."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from nlptrain.cli.main import main
from nlptrain.deployment.card import escape_code, escape_markdown
from tests.helpers.commands import write_configs
from tests.helpers.corpora import write_corpus

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished_runs(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """A folder with a teacher, its student of two seeds and a control, all finished."""
    folder = write_corpus(tmp_path_factory.mktemp("finished"))
    paths = write_configs(folder, tiny_bert)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("transformer_token", "tagger", "tagger_kd"):
            values = yaml.safe_load(paths[name].read_text())
            values["output_dir"] = name
            if name == "tagger_kd":
                values["teacher"], values["seeds"] = "transformer_token", [0, 1]
            Path(f"{name}.yaml").write_text(yaml.safe_dump(values))
            done = CliRunner().invoke(main, [name, f"{name}.yaml"])
            assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def runs(finished_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished runs, which is the current folder."""
    folder = tmp_path / "runs"
    shutil.copytree(finished_runs, folder)
    monkeypatch.chdir(folder)
    return folder


def card(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["card", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_hub_reads_the_scores_of_the_run(runs, finished_runs):
    arguments = [
        "--name",
        "me/small",
        "--dataset",
        "invented",
        "--license",
        "mit",
        "--language",
        "en",
        "--control",
        "tagger",
    ]
    text = card("tagger_kd", *arguments)
    read = ModelCard(text)
    scores = [json.loads((runs / "tagger_kd" / f"seed-{seed}" / "scores.json").read_text()) for seed in (0, 1)]
    mean = sum(run_scores["test"]["f1"] for run_scores in scores) / 2
    data = read.data.to_dict()
    assert (data["license"], data["language"], data["pipeline_tag"]) == ("mit", ["en"], "token-classification")
    name, results = model_index_to_eval_results(yaml.safe_load(text.split("---")[1])["model-index"])
    assert name == "me/small"
    assert [(result.metric_type, result.dataset_name, result.dataset_split) for result in results] == [
        ("f1", "invented", "test"),
        ("precision", "invented", "test"),
        ("recall", "invented", "test"),
    ]
    assert results[0].metric_value == pytest.approx(mean, abs=1e-4)
    assert f"| this model | {mean:.4f} (" in text
    control = json.loads((runs / "tagger" / "scores.json").read_text())
    assert f"| the control: no teacher | {control['test']['f1']:.4f} | one |" in text
    assert f"its teacher ({scores[0]['teacher']['parameters']:,} parameters)" in text
    for kind, row in scores[0]["test"]["types"].items():
        assert f"| {kind} |" in text
        assert row["support"] < 50
    assert "Types whose figures" in text
    file_hash = scores[0]["inputs"][next(iter(scores[0]["inputs"]))]
    assert file_hash[:16] in text
    assert str(runs) not in text
    assert str(finished_runs) not in text
    for way in ("nlptrain predict small", "pipeline(", "Tagger(", "add_pipe("):
        assert way in text


def test_missing_facts_are_reported(runs):
    text = card("tagger_kd/seed-0")
    assert "What the teacher adds is not known" in text
    assert "Its speed was not measured" in text
    assert "license" not in ModelCard(text).data.to_dict()
    assert "What the teacher adds" not in card("transformer_token")


def test_cards_of_runs_without_gold_and_of_word_students(runs):
    values = yaml.safe_load(Path("tagger_kd.yaml").read_text())
    del values["seeds"]
    for split in ("train", "dev", "test"):
        values["data"].pop(split, None)
    values |= {"student": {"embedder": {"kind": "word", "dim": 8, "min_count": 1}, "encoder": {"hidden": 8}}}
    values["output_dir"] = "raw"
    Path("raw.yaml").write_text(yaml.safe_dump(values))
    done = CliRunner().invoke(main, ["tagger_kd", "raw.yaml"])
    assert done.exit_code == 0, done.output
    text = card("raw")
    _, results = model_index_to_eval_results(yaml.safe_load(text.split("---")[1])["model-index"])
    assert [result.metric_type for result in results] == ["agreement"]
    assert "knowledge-distillation" in ModelCard(text).data.tags
    assert "pipeline(" not in text
    assert "load_token_model(" in text
    assert "knowledge-distillation" not in ModelCard(card("tagger")).data.tags


def test_speeds_are_those_of_the_benchmark(runs):
    speed = {"name": "x/exported", "runtime": "onnx", "precision": "int8", "words_per_second": 12_345.6}
    speeds = {"threads": 1, "rounds": 5, "models": [{**speed, "p50": 1.25, "cold_start": 0.4, "size": 3_700_000}]}
    Path("speed.json").write_text(json.dumps(speeds))
    assert "| exported | onnx int8 | 12,346 | 1.25 | 0.40 | 3.7 |" in card("tagger", "--speed", "speed.json")


def test_the_card_is_written_atomically(runs):
    card("tagger", "--out", "README.md")
    assert ModelCard.load("README.md").data.library_name == "nlptrain"
    Path("bad.json").write_text("{}")
    for arguments, messages in (
        (["nowhere"], "no scores.json"),
        (["tagger", "--speed", "bad.json"], "expected the output of nlptrain benchmark as JSON"),
        (["tagger", "--control", "nowhere"], "no scores.json"),
    ):
        refused = CliRunner().invoke(main, ["card", *arguments, "--out", "other.md"])
        assert refused.exit_code == 2
        assert messages in refused.output
    assert not Path("other.md").exists()


def test_names_are_escaped_where_they_are_inserted(runs):
    assert escape_markdown("B-person_x* (people's)") == "B-person_x* (people's)"
    assert escape_markdown("a|b\n`<b>` ![x](y)") == "a\\|b \\`&lt;b>\\` !\\[x](y)"
    assert escape_code('small"); import os\n```$x') == "small\\\"); import os '''\\$x"
    text = card("tagger", "--name", 'me/a"b<script>|x', "--dataset", "<img src=x>|`rm`")
    assert '# me/a"b&lt;script>\\|x\n' in text
    assert "f1 on &lt;img src=x>\\|\\`rm\\`, test" in text
    assert 'model="a\\"b<script>|x"' in text
    assert ModelCard(text).data.to_dict()["model-index"][0]["name"] == 'me/a"b<script>|x'
