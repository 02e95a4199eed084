"""The benchmark measures models in turns, on new text in each round."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlptrain.cli.main import main
from nlptrain.deployment.benchmark import Candidate, count_words, measure_speeds, open_candidates
from nlptrain.deployment.export import export_onnx
from nlptrain.errors import InputError
from tests.helpers.small_models import small_model

pytestmark = pytest.mark.slow

TEXTS = [f"Ada number {index} lives in Paris and " + " ".join(["so on"] * 8) for index in range(60)]


def candidate(name: str, predict) -> Candidate:
    created = Candidate(name, "onnx", "fp32", 10, predict, "")
    object.__setattr__(created, "run_in_process", lambda texts: (0.5, len(texts)))
    return created


def test_models_alternate_and_rounds_read_different_texts():
    read: list[tuple[str, tuple[str, ...]]] = []
    models = [candidate(name, lambda texts, name=name: read.append((name, tuple(texts)))) for name in "ab"]
    speeds = measure_speeds(models, iter([*TEXTS, "", "  "]), rounds=2)
    many = [(name, texts) for name, texts in read if len(texts) > 1]
    assert [name for name, _ in many] == ["a", "b", "a", "b", "a", "b"]
    warm, first, second = (set(texts) for name, texts in many if name == "a")
    assert not first & second
    assert not warm & (first | second)
    asked = [texts[0] for name, texts in read if len(texts) == 1 and name == "a"]
    assert len(set(asked)) == len(asked) == 6
    assert not {text.split()[2] for text in asked} & {text.split()[2] for text in warm | first | second}
    assert all(len(texts[0].split()) == 20 for _, texts in read if len(texts) == 1)
    assert [speed.name for speed in speeds] == ["a", "b"]
    for speed in speeds:
        assert len(speed.rounds) == 2
        assert min(speed.rounds) <= speed.words_per_second <= max(speed.rounds)
        assert 0 < speed.p50 <= speed.p95
        assert (speed.cold_start, speed.peak) == (0.5, 18)


def test_words_are_separated_by_white_space():
    assert count_words(["a b\tc ", "", "don't x.com"]) == 5


def test_too_little_text_is_an_error():
    with pytest.raises(InputError, match="found 1 lines; expected at least 2 sentences of 20 words"):
        measure_speeds([candidate("a", lambda texts: None)], ["Ada lives"], rounds=1)


def test_candidates_of_a_run_and_of_an_exported_folder(tiny_bert, tmp_path):
    model = small_model(tiny_bert, "pooled-lstm-crf")
    model.save_pretrained(tmp_path / "model")
    export_onnx(model, tmp_path / "out", ["fp32"])
    with open_candidates([str(tmp_path / "model"), str(tmp_path / "out")], threads=1, batch=64) as speeds:
        assert [(entry.runtime, entry.precision) for entry in speeds] == [
            ("torch", "fp32"),
            ("onnx", "fp32"),
            ("onnx", "int8"),
            ("onnx", "fp32"),
        ]
        outputs = [json.dumps(entry.predict(TEXTS[:3]))[:40] for entry in speeds]
        assert len(set(outputs)) == 1
        assert speeds[2].size < speeds[1].size < speeds[0].size * 2
        assert abs(speeds[1].size - speeds[3].size) < 500  # the description of the export
        seconds, peak = speeds[1].run_in_process(TEXTS[:2])
        assert 0 < seconds < 60
        assert 20e6 < peak < 1e9
        assert "model.batch_subwords = 64 or" in speeds[0].program  # what is measured is one configuration
        assert all("batch_units=64" in entry.program for entry in speeds[1:])
        exported = Path(re.search(r"Tagger\('(.+?)'", speeds[1].program)[1])
        assert exported.is_dir()
    assert not exported.exists()
    (tmp_path / "out" / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="out: .*is not the file that was exported"):
        speeds[3].run_in_process(TEXTS[:2])


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch):
    """Make the rounds very short."""
    monkeypatch.setattr("nlptrain.deployment.benchmark._SECONDS", 0.05)
    monkeypatch.setattr("nlptrain.deployment.benchmark._LATENCY_SECONDS", 0.1)
    monkeypatch.setattr("nlptrain.deployment.benchmark._COLD_STARTS", 1)


def test_the_command_prints_a_table_or_json(tiny_bert, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    export_onnx(small_model(tiny_bert, "pooled-lstm-crf"), tmp_path / "out", ["fp32"])
    Path("raw.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    arguments = ["benchmark", "out", "--text", "raw.txt", "--rounds", "1"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "onnx fp32" in done.output
    assert "1.0x" in done.output
    speeds = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert speeds["threads"] == 1
    assert speeds["models"][0]["words_per_second"] > 0
    for arguments, message in (
        (["benchmark", "out"], "--text: missing"),
        (["benchmark", "nowhere", "--text", "raw.txt"], "nowhere: there is no such folder"),
        (["benchmark", "out", "--text", "none.txt"], "none.txt"),
    ):
        refused = CliRunner().invoke(main, arguments)
        assert refused.exit_code == 2
        assert message in refused.output


def test_short_lines_are_joined_and_too_few_are_an_error():
    short = [f"word{index} in Paris" for index in range(400)]
    (speeds,) = measure_speeds([candidate("a", lambda texts: None)], short, rounds=1)
    assert speeds.p50 > 0
    with pytest.raises(InputError, match="too few lines for 50 rounds"):
        measure_speeds([candidate("a", lambda texts: None)], ["a b " * 30] * 21, rounds=50)
