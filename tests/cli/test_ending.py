"""Signals, and streams that cannot be written: a command ends with a line at most and no traceback."""

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

# What a console script does; it writes an x as soon as signals are handled.
ENTRY = (
    "import os, sys; from nlptrain_runtime.signals import exit_at_signals; exit_at_signals(); os.write(1, b'x'); "
    "from {module} import main; sys.exit(main())"
)
MODULES = {"nlptrain": "nlptrain.__main__", "nlptrain-tag": "nlptrain_runtime.command"}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_by_signal(name: str, arguments: list[str], signal_number: int, seconds: float) -> tuple[int | None, str]:
    """Send a signal ``seconds`` after the start; return the exit code (None if it had ended before) and stderr."""
    code = f"import sys; sys.argv[0] = {name!r}; " + ENTRY.format(module=MODULES[name])
    command = [sys.executable, "-c", code, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(1) == b"x"
    time.sleep(seconds)
    late = process.poll() is not None
    process.send_signal(signal_number)
    error = process.communicate(timeout=60)[1].decode()
    return None if late else process.returncode, error


@pytest.mark.parametrize("seconds", [0, 0.005, 0.1, 0.5, 1.5])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("nlptrain", ["predict", "nowhere"]),
        ("nlptrain", ["config", "schema", "tagger_kd"]),
        ("nlptrain-tag", ["nowhere"]),
    ],
)
def test_a_signal_at_any_moment(name: str, arguments: list[str], seconds: float) -> None:
    signal_number = SIGNALS[int(seconds * 1000) % 3]
    code, error = end_by_signal(name, arguments, signal_number, seconds)
    assert "Traceback" not in error
    assert "ignored" not in error
    if code not in (None, 0, 2, -signal_number):  # ended by itself, or when Python had given up its handlers
        assert code == 128 + signal_number
        assert error == f"stopped by {signal.Signals(signal_number).name}; give the same command again\n"


@pytest.mark.parametrize("other", [ValueError, OSError, InputError])
def test_a_signal_that_native_code_turns_into_another_error(other: type[Exception]) -> None:
    def native() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        except Interrupted:
            raise other("could not determine the shape") from None

    with pytest.raises(Interrupted, match="SIGTERM"), interruptible(Interrupted):
        native()
    with pytest.raises(other), interruptible(Interrupted):
        raise other("no signal came")


def test_an_ignored_signal_stays_ignored() -> None:
    code = ENTRY.format(module=MODULES["nlptrain"])
    ignoring = f"import signal; signal.signal(1, signal.SIG_IGN); {code}"
    process = subprocess.Popen(
        [sys.executable, "-c", ignoring, "config", "schema", "tagger"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
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
def test_standard_output_that_is_full_or_closed(command: str, tmp_path: Path) -> None:
    done = shell(f"{command} > /dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: standard output: No space left on device\n")
    done = shell(f"{command} >&-", tmp_path)
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "2> >(true)"])
@pytest.mark.parametrize("command", ["nlptrain compare nowhere", "nlptrain-tag nowhere", "nlptrain-tag --threads x ."])
def test_standard_error_that_fails(command: str, where: str, tmp_path: Path) -> None:
    done = shell(f"{command} {where}", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("command", ["nlptrain --help", "nlptrain config schema tagger", "nlptrain-tag --help"])
def test_a_closed_pipe(command: str, tmp_path: Path) -> None:
    done = shell(f"{command} | true", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_other_encodings(tmp_path: Path) -> None:
    ascii_alone = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = shell("nlptrain config show $'\\xc3\\xa9\\xff.yaml'", tmp_path, **ascii_alone)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    (tmp_path / "tagger.yaml").write_text(
        "data: {train: 'é中.conll'}\noutput_dir: é\nstudent: {tokenizer: a/b}", encoding="utf-8"
    )
    done = shell("nlptrain config show tagger.yaml", tmp_path, **{**ascii_alone, "PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 0, done.stderr
    assert "é中.conll" in done.stdout


def test_a_folder_that_was_removed(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = shell("rmdir ../gone; nlptrain config init tagger", gone, PYTHONPATH=os.pathsep.join(sys.path))
    assert done.returncode == 2
    assert done.stderr.endswith("error: the current folder was removed; change to one that exists\n")


def test_without_home_and_temporary_folder(tmp_path: Path) -> None:
    done = shell("env -u HOME TMPDIR=/nowhere nlptrain config init tagger", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
