"""Runs of nlptrain started by a script: side by side, found again when finished, read from their scores.json."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

ROOT = Path(__file__).parents[1]
DATA = os.environ.get("NLPTRAIN_DATA", "../shared/data")


Precision = Literal["fp32", "bf16"]


def add_precision(parser: argparse.ArgumentParser) -> None:
    """The option of scripts that train."""
    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="fp32",
        help="bf16 gives the figures of fp32, and sooner on CPUs with AVX512-BF16 or AMX (default: fp32)",
    )


def set_precision(precision: Precision, *keys: str) -> tuple[str, ...]:
    """What the command line says of a precision that is not the default."""
    return () if precision == "fp32" else tuple(part for key in keys for part in ("--set", f"{key}={precision}"))


def precision_of(run: str) -> Precision:
    """What a finished run computed in."""
    found: Precision = yaml.safe_load((ROOT / "runs" / run / "config.yaml").read_text(encoding="utf-8"))["precision"]
    return found


def train(arguments: Sequence[str], threads: int) -> None:
    """Run one command to its end; its output goes on to ours."""
    print(f"$ nlptrain {' '.join(arguments)}", flush=True)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-m", "nlptrain", *arguments], cwd=ROOT, env=environment, check=True)


def train_all(runs: Iterable[Sequence[str]], jobs: int) -> None:
    """Run commands side by side, with the cores parted between them."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ThreadPoolExecutor(jobs) as pool:
        for done in [pool.submit(train, run, threads) for run in runs]:
            done.result()


def folder_of(arguments: Sequence[str]) -> str:
    """The folder of a run below runs/."""
    if "--output-dir" in arguments:
        return arguments[arguments.index("--output-dir") + 1].removeprefix("runs/")
    return arguments[1].removeprefix("configs/").removesuffix(".yaml")


def scores(run: str) -> dict[str, Any]:
    """``scores.json`` of a run."""
    found: dict[str, Any] = json.loads((ROOT / "runs" / run / "scores.json").read_text(encoding="utf-8"))
    return found


def value(run: str, split: str = "test") -> float:
    """F1 or accuracy of a run, in points."""
    scored = scores(run)[split]
    return 100 * float(scored[scored["metric"]])


def shown(found: Sequence[float], digits: int = 2) -> str:
    """The mean of several figures, with the smallest and the largest where there is more than one."""
    ends = f" ({min(found):.{digits}f} to {max(found):.{digits}f})" if len(found) > 1 else ""
    return f"{statistics.mean(found):.{digits}f}{ends}"


def spread(runs: Sequence[str], split: str = "test") -> str:
    """``shown`` of the scores of several seeds, in points."""
    return shown([value(run, split) for run in runs])


def between(path: Path, begin: str, end: str, text: str) -> None:
    """Put ``text`` between two lines of a page; what stands around them is written by people.

    Raises:
        SystemExit: the page lacks one of the lines.
    """
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise SystemExit(f"{path}: no line {end if found else begin}")
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
