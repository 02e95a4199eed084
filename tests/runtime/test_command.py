"""The command ``nlptrain-tag`` reads lines, writes JSON Lines, and reports an error in one line."""

import json
import subprocess
import sys

import pytest

from nlptrain_runtime import Tagger
from nlptrain_runtime.command import main
from tests.helpers.small_models import DIFFICULT_TEXTS, SENTENCES

pytestmark = pytest.mark.slow

LINES = [*(text for text in DIFFICULT_TEXTS if "\n" not in text), *(" ".join(sentence.words) for sentence in SENTENCES)]


def test_each_line_has_a_prediction_in_order(folders, tag, tmp_path):
    expected = Tagger(folders["pooled"]).predict(LINES)
    stdin = ("\ufeff" + "\n".join(LINES) + "\n").encode()
    exit_code, out = tag([str(folders["pooled"])], stdin)
    assert exit_code == 0
    predictions = [json.loads(line) for line in out.decode().split("\n")[:-1]]
    assert predictions == expected
    (tmp_path / "one.txt").write_bytes("\r\n".join(LINES[:5]).encode())
    (tmp_path / "two.txt").write_bytes("\n".join(LINES[5:]).encode())
    exit_code, out = tag([str(folders["pooled"]), str(tmp_path / "one.txt"), str(tmp_path / "two.txt"), "--block", "3"])
    assert [json.loads(line)["text"] for line in out.decode().split("\n")[:-1]] == LINES


def test_errors_are_one_line_and_exit_code_2(folders, tag, capsys, tmp_path):
    for arguments, stdin, message in (
        ([str(tmp_path / "nowhere")], b"", "there is no such folder"),
        ([str(folders["pooled"]), str(tmp_path / "none.txt")], b"", "none.txt: No such file"),
        ([str(folders["pooled"])], b"Ada\nOsl\xf8\n", "standard input: byte 7 (0xF8) is not UTF-8"),
        ([str(folders["pooled"]), "--precision", "int8"], b"", "found no model of precision int8; expected fp32"),
    ):
        assert tag(arguments, stdin)[0] == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert message in error
        assert error.count("\n") == 1
    for arguments in (["--threads", "0"], ["--min-confidence", "2"], ["--block", "x"]):
        with pytest.raises(SystemExit) as error_info:
            main([str(folders["pooled"]), *arguments])
        assert error_info.value.code == 2


def test_min_confidence_omits_entities(folders, tag):
    stdin = "\n".join(LINES).encode()
    _, out = tag([str(folders["pooled"])], stdin)
    all_entities = [part for line in out.splitlines() for part in json.loads(line)["entities"]]
    threshold = sorted(part["confidence"] for part in all_entities)[len(all_entities) // 2]
    exit_code, out = tag([str(folders["pooled"]), "--min-confidence", str(threshold)], stdin)
    assert exit_code == 0
    kept = [part for line in out.splitlines() for part in json.loads(line)["entities"]]
    assert kept == [part for part in all_entities if part["confidence"] >= threshold]
    assert 0 < len(kept) < len(all_entities)


def test_a_closed_pipe_ends_the_command_without_an_error(folders):
    command = f"{sys.executable} -m nlptrain_runtime.command {folders['pooled']} --block 1 | head -n 1"
    lines = "\n".join(["Ada lives in Paris"] * 3000)
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], input=lines, capture_output=True, text=True)
    assert json.loads(result.stdout)["text"] == "Ada lives in Paris"
    assert result.stderr == ""
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("redirection", "message"),
    [
        ("> /dev/full", "standard output: No space left on device"),
        (">&-", "standard output: is closed"),
        ("<&-", "standard input: is closed"),
        ("0> /dev/null", "standard input: Bad file descriptor"),
    ],
)
def test_unusable_streams_are_one_line_and_exit_code_2(folders, redirection, message):
    tag_command = f"{sys.executable} -m nlptrain_runtime.command {folders['pooled']} {redirection}"
    command = f"echo Ada lives in Paris | {{ {tag_command}; }}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.stderr == f"error: {message}\n"
    assert result.returncode == 2
