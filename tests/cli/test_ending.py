"""Signals and unwritable streams end a command with at most one line and without a traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nlptrain.errors import InputError, Interrupted
from nlptrain.interrupts import interruptible

pytestmark = pytest.mark.slow

# Program of a console script; it writes an x as soon as it handles signals.
ENTRY_POINT = (
    "import os, sys; from nlptrain_runtime.signals import exit_at_signals; exit_at_signals(); os.write(1, b'x'); "
    "from {module} import main; sys.exit(main())"
)
MODULES = {"nlptrain": "nlptrain.__main__", "nlptrain-tag": "nlptrain_runtime.command"}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_by_signal(name: str, arguments: list[str], signal_number: int, seconds: float) -> tuple[int | None, str]:
    """Send a signal ``seconds`` after the start; return the exit code (None if it ended before) and stderr."""
    program = f"import sys; sys.argv[0] = {name!r}; " + ENTRY_POINT.format(module=MODULES[name])
    command = [sys.executable, "-c", program, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(1) == b"x"
    time.sleep(seconds)
    has_ended = process.poll() is not None
    process.send_signal(signal_number)
    error = process.communicate(timeout=60)[1].decode()
    return None if has_ended else process.returncode, error


@pytest.mark.parametrize("seconds", [0, 0.005, 0.1, 0.5, 1.5])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("nlptrain", ["predict", "nowhere"]),
        ("nlptrain", ["config", "schema", "tagger_kd"]),
        ("nlptrain-tag", ["nowhere"]),
    ],
)
def test_a_signal_ends_a_command_at_any_time(name: str, arguments: list[str], seconds: float) -> None:
    signal_number = SIGNALS[int(seconds * 1000) % 3]
    exit_code, error = end_by_signal(name, arguments, signal_number, seconds)
    assert "Traceback" not in error
    assert "ignored" not in error
    if exit_code not in (None, 0, 2, -signal_number):  # not ended by itself or by the default handler during shutdown
        assert exit_code == 128 + signal_number
        assert error == f"stopped by {signal.Signals(signal_number).name}; give the same command again\n"


@pytest.mark.parametrize("error_type", [ValueError, OSError, InputError])
def test_a_signal_replaces_the_error_of_native_code(error_type: type[Exception]) -> None:
    def native() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        except Interrupted:
            raise error_type("could not determine the shape") from None

    with pytest.raises(Interrupted, match="SIGTERM"), interruptible(Interrupted):
        native()
    with pytest.raises(error_type), interruptible(Interrupted):
        raise error_type("no signal came")


def test_an_ignored_signal_stays_ignored() -> None:
    entry_point = ENTRY_POINT.format(module=MODULES["nlptrain"])
    program = f"import signal; signal.signal(1, signal.SIG_IGN); {entry_point}"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "config", "schema", "tagger"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.read(1) == b"x"
    process.send_signal(signal.SIGHUP)
    assert process.communicate()[1] == b""
    assert process.returncode == 0


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = command.replace("nlptrain-tag", f"{sys.executable} -m nlptrain_runtime.command")
    command = command.replace("nlptrain ", f"{sys.executable} -m nlptrain ")
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        cwd=folder,
        env={**os.environ, **environment},
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
@pytest.mark.parametrize("command", ["nlptrain --help", "nlptrain config schema tagger", "nlptrain-tag --help"])
def test_full_or_closed_standard_output_gives_no_traceback(command: str, tmp_path: Path) -> None:
    result = shell(f"{command} > /dev/full", tmp_path)
    assert (result.returncode, result.stderr) == (2, "error: standard output: No space left on device\n")
    result = shell(f"{command} >&-", tmp_path)
    assert result.returncode in (0, 2)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2> >(true)"])
@pytest.mark.parametrize(
    "command", ["nlptrain config show nowhere", "nlptrain-tag nowhere", "nlptrain-tag --threads x ."]
)
def test_failing_standard_error_keeps_the_exit_code(command: str, redirection: str, tmp_path: Path) -> None:
    result = shell(f"{command} {redirection}", tmp_path)
    assert (result.returncode, result.stdout) == (2, "")


@pytest.mark.parametrize("command", ["nlptrain --help", "nlptrain config schema tagger", "nlptrain-tag --help"])
def test_a_closed_pipe_is_not_an_error(command: str, tmp_path: Path) -> None:
    result = shell(f"{command} | true", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def test_file_names_and_output_in_other_encodings(tmp_path: Path) -> None:
    ascii_encoding = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    result = shell("nlptrain config show $'\\xc3\\xa9\\xff.yaml'", tmp_path, **ascii_encoding)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    (tmp_path / "transformer_token.yaml").write_text(
        "data: {train: 'é中.conll'}\noutput_dir: é\nmodel: a/b", encoding="utf-8"
    )
    result = shell(
        "nlptrain config show transformer_token.yaml", tmp_path, **{**ascii_encoding, "PYTHONIOENCODING": "latin-1"}
    )
    assert result.returncode == 0, result.stderr
    assert "é中.conll" in result.stdout


def test_error_if_the_current_folder_was_removed(tmp_path: Path) -> None:
    removed_folder = tmp_path / "gone"
    removed_folder.mkdir()
    result = shell("rmdir ../gone; nlptrain config init tagger", removed_folder, PYTHONPATH=os.pathsep.join(sys.path))
    assert result.returncode == 2
    assert result.stderr.endswith("error: the current folder was removed; change to one that exists\n")


def test_commands_run_without_home_and_temporary_folder(tmp_path: Path) -> None:
    result = shell("env -u HOME TMPDIR=/nowhere nlptrain config init tagger", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
