"""Commands in processes that fork from one which has imported nlptrain: each starts in milliseconds."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HELPERS = Path(__file__).parent
ROOT = HELPERS.parents[1]


@dataclass
class CommandResult:
    """Exit code and output of a command that has ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def has_clear_error(self) -> bool:
        """Return whether the command ended with exit code 2 and an error message."""
        lines = self.stderr.splitlines()
        return (
            self.exit_code == 2 and any(line.startswith("error: ") for line in lines) and "Traceback" not in self.stderr
        )


class Process:
    """A running command."""

    def __init__(self, connection: socket.socket, streams: list[Path]) -> None:
        self._connection = connection
        self._replies = connection.makefile("r")
        self._streams = streams
        self.pid: int = json.loads(self._replies.readline())["pid"]

    def send(self, signal_number: int) -> None:
        """Send a signal; a process that has ended stays a zombie until ``wait``."""
        os.kill(self.pid, signal_number)

    @property
    def is_running(self) -> bool:
        """Return whether the command is still running."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"

    def wait(self) -> CommandResult:
        """Wait until the command ends; return its result."""
        exit_code = json.loads(self._replies.readline())["exit_code"]
        self._replies.close()
        self._connection.close()
        texts = (path.read_text(errors="replace") if path.is_file() else "" for path in self._streams)
        return CommandResult(exit_code, *texts)


class CommandServer:
    """Client of ``fork_server.py``.

    Attributes:
        python: a program that runs ``-m MODULE ARGUMENTS`` as Python does; ``nlptrain`` in the same folder runs that
            command.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="nlptrain-commands-")
        folder = Path(self._folder.name)
        folder.chmod(0o755)
        self._address, self.python = folder / "socket", folder / "python"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        paths = [str(ROOT), str(ROOT / "runtime"), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        self._process = subprocess.Popen(
            [sys.executable, HELPERS / "fork_server.py", self._address, self.python],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        start = f'exec "{sys.executable}" -I -S "{HELPERS}/forked_python.py" "{self._address}"'
        self.python.write_text(f'#!/bin/sh\n{start} "$@"\n')
        (folder / "nlptrain").write_text(f'#!/bin/sh\n{start} -m nlptrain "$@"\n')
        for program in (self.python, folder / "nlptrain"):
            program.chmod(0o755)
        self._started_commands = 0

    def start(
        self,
        folder: Path,
        arguments: list[str],
        *,
        stdin: str = os.devnull,
        stdout: str | None = None,
        file_size: int | None = None,
        drop_capabilities: bool = False,
    ) -> Process:
        """Start ``nlptrain ARGUMENTS`` in ``folder``; with ``drop_capabilities`` root obeys file permissions, too."""
        self._started_commands += 1
        request = {
            "module": "nlptrain",
            "name": "nlptrain",
            "arguments": arguments,
            "folder": str(folder),
            "environment": {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
            "file_size": file_size,
            "drop_capabilities": drop_capabilities,
        }
        outputs = [
            folder / (stdout or f".{self._started_commands}.stdout"),
            folder / f".{self._started_commands}.stderr",
        ]
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self._address))
        with (folder / stdin).open("rb") as source, outputs[0].open("wb") as output, outputs[1].open("wb") as errors:
            streams = [source.fileno(), output.fileno(), errors.fileno()]
            socket.send_fds(connection, [json.dumps(request).encode() + b"\n"], streams)
        return Process(connection, outputs)

    def run(self, folder: Path, arguments: list[str], **options: Any) -> CommandResult:
        """Start a command and wait for its result."""
        return self.start(folder, arguments, **options).wait()

    def close(self) -> None:
        """End the process that forks."""
        self._process.communicate()
        self._folder.cleanup()
