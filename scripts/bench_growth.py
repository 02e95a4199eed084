"""Measure time and memory of tagging by the size of the text: python -m scripts.bench_growth RUN EXPORTED TEXT_FILE...

`nlptrain predict RUN` and `nlptrain-tag EXPORTED` tag 10,000, 100,000 and 1,000,000 lines on one thread: the lines of
the files, repeated with a number at their end, so that no two lines are equal. Prints seconds and peak memory of each,
including the start of the process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from threading import Event, Thread

from nlptrain.data.text_files import expand_paths, read_lines

LINES = (10_000, 100_000, 1_000_000)
_LOOK_SECONDS = 0.2


def write_text(path: Path, patterns: Sequence[str], size: int) -> None:
    """Write ``size`` different lines."""
    own = [line for name in expand_paths(list(patterns)) for _, line in read_lines(name) if line]
    lines = (line if repeat == 0 else f"{line} {repeat}" for repeat in count() for line in own)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in islice(lines, size))


def measure(command: Sequence[str], text: Path) -> tuple[float, int]:
    """Return seconds and peak memory in bytes of a command that reads ``text``."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    peak, done = [0], Event()
    started = time.perf_counter()
    with text.open("rb") as given:
        process = subprocess.Popen(command, stdin=given, stdout=subprocess.DEVNULL, env=environment)

        def look() -> None:
            status = Path(f"/proc/{process.pid}/status")
            while not done.wait(_LOOK_SECONDS):
                with suppress(OSError):  # the process has just ended
                    sizes = [line.split()[1] for line in status.read_text().split("\n") if line.startswith("VmHWM")]
                    peak[0] = max([peak[0], *(int(kilobytes) * 1024 for kilobytes in sizes)])

        watching = Thread(target=look, daemon=True)
        watching.start()
        code = process.wait()
        done.set()
        watching.join()
    if code:
        raise SystemExit(f"{' '.join(command)}: exit code {code}")
    return time.perf_counter() - started, peak[0]


def main(run: str, exported: str, *patterns: str) -> None:
    """Print a line for each command and size."""
    commands = {
        "nlptrain predict": [sys.executable, "-m", "nlptrain", "predict", run, "--device", "cpu"],
        "nlptrain-tag": [sys.executable, "-m", "nlptrain_runtime.command", exported],
    }
    with tempfile.TemporaryDirectory() as folder:
        for size in LINES:
            text = Path(folder) / f"{size}.txt"
            write_text(text, patterns, size)
            for name, command in commands.items():
                seconds, peak = measure(command, text)
                print(f"{name}: {size:,} lines: {seconds:.1f} s, {peak / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
