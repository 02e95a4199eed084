"""Start runs of nlptrain from a script, in parallel; read their scores."""

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
    """Add the option ``--precision``."""
    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="fp32",
        help="bf16: the same scores as fp32, faster on CPUs with AVX512-BF16 or AMX (default: fp32)",
    )


def set_precision(precision: Precision, *keys: str) -> tuple[str, ...]:
    """Return the options of the command line for a precision; none for the default."""
    return () if precision == "fp32" else tuple(part for key in keys for part in ("--set", f"{key}={precision}"))


def precision_of(run: str) -> Precision:
    """Return the precision of a finished run."""
    precision: Precision = yaml.safe_load((ROOT / "runs" / run / "config.yaml").read_text(encoding="utf-8"))[
        "precision"
    ]
    return precision


def train(arguments: Sequence[str], threads: int) -> None:
    """Run one command; its output is part of ours."""
    print(f"$ nlptrain {' '.join(arguments)}", flush=True)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-m", "nlptrain", *arguments], cwd=ROOT, env=environment, check=True)


def train_all(runs: Iterable[Sequence[str]], jobs: int) -> None:
    """Run commands in parallel and share the cores between them."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ThreadPoolExecutor(jobs) as pool:
        for future in [pool.submit(train, run, threads) for run in runs]:
            future.result()


def folder_of(arguments: Sequence[str]) -> str:
    """Return the folder of a run, relative to runs/."""
    if "--output-dir" in arguments:
        return arguments[arguments.index("--output-dir") + 1].removeprefix("runs/")
    return arguments[1].removeprefix("configs/").removesuffix(".yaml")


def scores(run: str) -> dict[str, Any]:
    """Read the ``scores.json`` of a run."""
    values: dict[str, Any] = json.loads((ROOT / "runs" / run / "scores.json").read_text(encoding="utf-8"))
    return values


def value(run: str, split: str = "test") -> float:
    """Return F1 or accuracy of a run, in points."""
    scored = scores(run)[split]
    return 100 * float(scored[scored["metric"]])


def format_mean(values: Sequence[float], digits: int = 2) -> str:
    """Format the mean of ``values``, with the smallest and the largest if there are several."""
    ends = f" ({min(values):.{digits}f} to {max(values):.{digits}f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{ends}"


def spread(runs: Sequence[str], split: str = "test") -> str:
    """Format the mean score of several seeds, in points."""
    return format_mean([value(run, split) for run in runs])


def replace_between(path: Path, begin: str, end: str, text: str) -> None:
    """Replace the text between two lines of a page by ``text``.

    Raises:
        SystemExit: the page lacks one of the lines.
    """
    before, first, rest = path.read_text(encoding="utf-8").partition(begin)
    _, last, after = rest.partition(end)
    if not (first and last):
        raise SystemExit(f"{path}: no line {end if first else begin}")
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
