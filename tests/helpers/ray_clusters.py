"""Ray clusters of several nodes on this machine, and the processes of their actors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

SECONDS = 300


@contextmanager
def local_ray(**resources: int) -> Iterator[Any]:
    """Yield the package ray after starting one node; then stop it, and handle SIGTERM as before."""
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    handler = signal.getsignal(signal.SIGTERM)
    ray.shutdown()
    ray.init("local", include_dashboard=False, log_to_driver=False, logging_level="ERROR", **resources)
    signal.signal(signal.SIGTERM, handler)  # Ray's own one would stay after its end
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def ray_cluster(nodes: int = 2) -> Iterator[Any]:
    """Yield a cluster of one CPU on each of its ``nodes``; the first one cannot be killed."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    for _ in range(nodes - 1):
        cluster.add_node(num_cpus=1)
    try:
        yield cluster
    finally:
        cluster.shutdown()


def actor_processes() -> list[int]:
    """Return the process ids of all actors that label."""
    processes = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if folder.joinpath("cmdline").read_bytes().startswith(b"ray::Labeler"):
                processes.append(int(folder.name))
    return sorted(processes)


def kill(process: int) -> None:
    """Kill ``process``, unless it has ended."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def start_labeling(*arguments: str | Path, log: Path) -> subprocess.Popen[bytes]:
    """Start ``nlptrain label`` with one thread; its output goes to ``log``."""
    command = [sys.executable, "-m", "nlptrain", "label", *map(str, arguments), "--device", "cpu", "--threads", "1"]
    with log.open("ab") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "OMP_NUM_THREADS": "1"})


def wait_for_blocks(folder: Path, count: int, process: subprocess.Popen[bytes]) -> int:
    """Wait until ``folder`` has ``count`` blocks or ``process`` has ended; return the number of blocks."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        blocks = len(list(folder.glob("*/*.arrow")))
        if blocks >= count or process.poll() is not None:
            return blocks
        time.sleep(0.05)
    process.kill()  # it would keep the CPUs of the cluster
    raise AssertionError(f"{folder} has {blocks} of {count} blocks after {SECONDS} s")
