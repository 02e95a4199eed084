"""``nlptrain-tag`` from a shell: lines in, JSON Lines out, and one line where something is wrong."""

import json
import subprocess
import sys

import pytest

from nlptrain_runtime import Tagger
from nlptrain_runtime.command import main
from tests.helpers.exports import ODD, TEXT

pytestmark = pytest.mark.slow

LINES = [*(text for text in ODD if "\n" not in text), *(" ".join(sentence.words) for sentence in TEXT)]


def test_each_line_has_a_result_in_order(folders, tag, tmp_path):
    wanted = Tagger(folders["pooled"]).predict(LINES)
    given = ("\ufeff" + "\n".join(LINES) + "\n").encode()
    code, out = tag([str(folders["pooled"])], given)
    assert code == 0
    actual = [json.loads(line) for line in out.decode().split("\n")[:-1]]
    assert actual == wanted
    (tmp_path / "one.txt").write_bytes("\r\n".join(LINES[:5]).encode())
    (tmp_path / "two.txt").write_bytes("\n".join(LINES[5:]).encode())
    code, out = tag([str(folders["pooled"]), str(tmp_path / "one.txt"), str(tmp_path / "two.txt"), "--block", "3"])
    assert [json.loads(line)["text"] for line in out.decode().split("\n")[:-1]] == LINES


def test_what_is_wrong_is_one_line_and_code_2(folders, tag, capsys, tmp_path):
    for arguments, given, messages in (
        ([str(tmp_path / "nowhere")], b"", "there is no such folder"),
        ([str(folders["pooled"]), str(tmp_path / "none.txt")], b"", "none.txt: No such file"),
        ([str(folders["pooled"])], b"Ada\nOsl\xf8\n", "standard input: byte 7 (0xF8) is not UTF-8"),
        ([str(folders["pooled"]), "--precision", "int8"], b"", "found no model of precision int8; expected fp32"),
    ):
        assert tag(arguments, given)[0] == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert messages in error
        assert error.count("\n") == 1
    for arguments in (["--threads", "0"], ["--min-confidence", "2"], ["--block", "x"]):
        with pytest.raises(SystemExit) as ended:
            main([str(folders["pooled"]), *arguments])
        assert ended.value.code == 2


def test_less_sure_entities_are_left_out(folders, tag):
    given = "\n".join(LINES).encode()
    _, out = tag([str(folders["pooled"])], given)
    every = [part for line in out.splitlines() for part in json.loads(line)["entities"]]
    least = sorted(part["confidence"] for part in every)[len(every) // 2]
    code, out = tag([str(folders["pooled"]), "--min-confidence", str(least)], given)
    assert code == 0
    kept = [part for line in out.splitlines() for part in json.loads(line)["entities"]]
    assert kept == [part for part in every if part["confidence"] >= least]
    assert 0 < len(kept) < len(every)


def test_a_reader_that_has_enough_ends_it_quietly(folders):
    command = f"{sys.executable} -m nlptrain_runtime.command {folders['pooled']} --block 1 | head -n 1"
    lines = "\n".join(["Ada lives in Paris"] * 3000)
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], input=lines, capture_output=True, text=True)
    assert json.loads(done.stdout)["text"] == "Ada lives in Paris"
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("way", "messages"),
    [
        ("> /dev/full", "standard output: No space left on device"),
        (">&-", "standard output: is closed"),
        ("<&-", "standard input: is closed"),
        ("0> /dev/null", "standard input: Bad file descriptor"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_line_and_code_2(folders, way, messages):
    command = f"echo Ada lives in Paris | {{ {sys.executable} -m nlptrain_runtime.command {folders['pooled']} {way}; }}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == f"error: {messages}\n"
    assert done.returncode == 2
