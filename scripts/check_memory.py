"""Measure that much text takes no more memory: python -m scripts.check_memory RUN GOLD_FILE [ROWS...].

Writes ROWS sentences of Parquet (default: 10,000, 100,000, 1,000,000), those of GOLD_FILE over and over with a number
behind each first word, so that no two are equal; `convert` writes them as JSON Lines, and `evaluate` scores RUN on
them. Memory is RssAnon, what a process holds itself, without the files that it has mapped; one thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Sentence
from nlptrain.data.reading import read_gold
from nlptrain.data.writing import Written, write_gold

ROWS = (10_000, 100_000, 1_000_000)
_LOOK_SECONDS = 0.05


def sentences(path: str) -> Iterator[Sentence]:
    """Those of a gold file without end, no two of them equal."""
    own = list(read_gold(path, DataConfig()))
    for turn in count():
        for one in own:
            yield replace(one, words=(f"{one.words[0]}{turn or ''}", *one.words[1:]))


def measured(command: Sequence[str]) -> tuple[float, int]:
    """Seconds and peak RssAnon in bytes of a command."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    started, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        while process.poll() is None:
            with suppress(OSError, IndexError, ValueError):  # it has just ended
                status = Path(f"/proc/{process.pid}/status").read_text()
                peak = max(peak, 1024 * int(status.partition("RssAnon:")[2].split()[0]))
            time.sleep(_LOOK_SECONDS)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return time.perf_counter() - started, peak


def main(run: str, gold: str, *sizes: str) -> None:
    """Print a line for each command and size."""
    with tempfile.TemporaryDirectory() as folder:
        for size in map(int, sizes) if sizes else ROWS:
            path, out = Path(folder) / f"{size}.parquet", Path(folder) / f"{size}.jsonl"
            write_gold(islice(sentences(gold), size), path, "parquet", Written("iob2", ids=False, texts=False))
            for name, arguments in (("convert", (path, out)), ("evaluate", (run, path, "--device", "cpu"))):
                seconds, peak = measured([sys.executable, "-m", "nlptrain", name, *map(str, arguments)])
                print(f"{name}: {size:,} sentences: {seconds:.1f} s, {peak / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
