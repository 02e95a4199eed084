"""Printed text: names, labels and words add no escape sequence, no markup and no line break."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from nlptrain.cli.output import echo_data, echo_line
from nlptrain.errors import InputError
from nlptrain.run.run import Run
from nlptrain_runtime.errors import message_line, printable, quoted
from tests.helpers.commands import call, write_configs

pytestmark = pytest.mark.slow

RED = "\x1b[31mred\x1b[0m"


def test_control_characters_are_escaped() -> None:
    assert printable("a\x1b[31m\x9b\x7f\n\u202e\u2066\u200b\ud800") == r"a\x1b[31m\x9b\x7f\n\u202e\u2066\u200b\ud800"
    assert printable("Zoë 中 می\u200cخواهم 👩\u200d🚀") == "Zoë 中 می\u200cخواهم 👩\u200d🚀"


def test_lines_and_values_are_shortened() -> None:
    assert message_line("short") == "short"
    assert len(message_line("\x1b" * 100_000)) == 480
    line = message_line(f"{'x' * 10_000}; give another")
    assert line.startswith("xxx")
    assert line.endswith("; give another")
    assert quoted("x" * 100_000).startswith("'xxx")
    assert len(quoted(["x"] * 10_000)) == 100


def test_an_error_message_is_one_line() -> None:
    error = InputError(f"{RED}\nerror: x", "two")
    assert str(error) == "\\x1b[31mred\\x1b[0m\\nerror: x\ntwo"


def test_echo_line_escapes_and_echo_data_does_not(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    echo_line(f"{RED}\n")
    echo_data(RED)
    assert capsysbinary.readouterr().out == b"\\x1b[31mred\\x1b[0m\\n\n\x1b[31mred\x1b[0m\n"


def test_log_lines_are_escaped_and_shortened(tmp_path: Path) -> None:
    out = io.StringIO()
    Run(tmp_path, device="cpu", console=Console(file=out, soft_wrap=True)).log(f"found {RED} {'y' * 1_000}")
    for text in (out.getvalue(), (tmp_path / "log.txt").read_text()):
        assert "\\x1b[31mred" in text
        assert "\x1b" not in text
        assert len(text) < 520


def test_labels_are_printed_without_escapes_and_markup(corpus: Path, tiny_bert: Path) -> None:
    for name in ("train", "dev", "test"):
        path = corpus / f"{name}.conll"
        path.write_text(path.read_text().replace("person", f"[red]{RED}").replace("-place", "-\u202eplace"))
    path = write_configs(corpus, tiny_bert)["tagger"]
    trained = call("tagger", path, "--set", "train.steps=2", "--set", "train.eval_every=1")
    assert trained.exit_code == 0, trained.output
    run = corpus / "runs/tagger"
    for arguments in (["compare", run, "--no-speed"], ["evaluate", run, corpus / "test.conll"], ["card", run]):
        done = call(*arguments)
        assert done.exit_code == 0, done.output
        assert "\x1b" not in done.output
        assert "\u202e" not in done.output
        assert "[red]" in done.stdout
    scores = json.loads((run / "scores.json").read_text())
    assert f"[red]{RED}" in scores["dev"]["types"]
