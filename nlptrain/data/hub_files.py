"""Splits of data sets on the Hugging Face Hub, downloaded by ``datasets``."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten

from nlptrain.config.data import HUB
from nlptrain.errors import InputError, Text

_REASON = 200  # characters of an error of the Hub that are shown


def hub_files(reference: str, *, location: Text = "") -> list[Path]:
    """Return the Arrow files of a split of a data set on the Hub, downloaded unless they are cached.

    Args:
        reference: ``hub:OWNER/NAME:SPLIT`` or ``hub:OWNER/NAME@REVISION/CONFIGURATION:SPLIT``, where revision and
            configuration are optional.
        location: of the reference, for messages.

    Raises:
        InputError: the reference is malformed, the package ``datasets`` is not installed, the Hub cannot be reached,
            or it has no such data set, configuration or split.
    """
    match = HUB.fullmatch(reference)
    if match is None:
        raise InputError(
            f"found {reference!r}",
            location=location,
            expected="hub:OWNER/NAME:SPLIT, a split of a data set on the Hub",
        )
    if find_spec("datasets") is None:
        raise InputError(
            f"{reference} needs the package datasets, which is not installed",
            location=location,
            hint="pip install 'nlptrain[hub]'",
        )
    try:
        return _download(match["name"], match["config"], match["revision"], match["split"])
    except Exception as error:  # datasets raises errors of all kinds, with long messages
        reason = shorten(str(error).strip().split("\n")[0], _REASON, placeholder=" ...") or type(error).__name__
        raise InputError(
            f"{reference} cannot be loaded from the Hub ({reason})",
            location=location,
            hint="without a network, download it elsewhere and copy the folder HF_HOME, or name files",
        ) from error


@cache
def _download(name: str, config: str | None, revision: str | None, split: str) -> list[Path]:
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    try:
        data_set = datasets.load_dataset(name, config, revision=revision, split=split)
    except datasets.exceptions.DatasetsError as error:
        raise ValueError(str(error)) from error
    return [Path(file["filename"]) for file in data_set.cache_files]
