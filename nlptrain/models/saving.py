"""Saving a model into a folder, which is whole or stays as it was."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nlptrain.atomic_files import whole_folder
from nlptrain.errors import InputError

# Files that belong to a saved model, and go with it when another one takes its place.
_OF_A_MODEL = re.compile(
    r".*\.safetensors(\.index\.json)?|(generation_|tokenizer_)?config\.json|tokenizer\.json|vocab\..*|merges\.txt"
    r"|(special_tokens_map|added_tokens|words|word_splitter)\.json|.*\.model|chat_template\..*"
)


@contextmanager
def whole_model(folder: Path) -> Iterator[Path]:
    """A ``whole_folder`` for a model, in which files that are no part of a model (a README, say) are kept.

    Raises:
        InputError: ``folder`` is a file or holds something else than a model, or the weights cannot be written.
    """
    kept = _other_files(folder)
    with whole_folder(folder.resolve()) as part:
        yield part
        for path in kept:
            target = part / path.name
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, target, symlinks=True)
            elif not target.exists():
                shutil.copy2(path, target, follow_symlinks=False)


def _other_files(folder: Path) -> list[Path]:
    """What ``folder`` holds besides a model.

    Raises:
        InputError: it is a file, or holds no model.
    """
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder to save the model in")
    if folder.resolve() == Path.cwd():
        raise InputError(f"{folder}: is the working folder, which cannot be replaced; name another one")
    found = list(folder.iterdir())
    if found and not (folder / "config.json").is_file():
        names = ", ".join(sorted(path.name for path in found)[:3])
        raise InputError(f"{folder}: holds {names}, and no model; name a new or an empty folder to save the model in")
    return [path for path in found if _OF_A_MODEL.fullmatch(path.name) is None]
