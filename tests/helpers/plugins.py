"""Install a package with entry points into a folder, without pip."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "plugin"


def install_plugin(folder: Path, source: Path = EXAMPLE) -> Path:
    """Copy the packages of ``source`` to ``folder``, with what ``importlib.metadata`` reads of an installed package."""
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for package in (path.parent for path in source.glob("*/__init__.py")):
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    return write_entry_points(folder, project["name"], project["version"], project["entry-points"])


def write_entry_points(folder: Path, name: str, version: str, groups: dict[str, dict[str, str]]) -> Path:
    """Write the metadata of a package with the entry points ``groups`` to ``folder``, and return ``folder``."""
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"[{group}]\n" + "".join(f"{kind} = {path}\n" for kind, path in e.items()) for group, e in groups.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    return folder
