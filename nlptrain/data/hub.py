"""Data sets on the Hub: a split, fetched once by ``datasets`` and found again as Arrow files."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten

from nlptrain.config.data import HUB
from nlptrain.errors import InputError

_SHOWN = 200  # characters of a reason


def hub_files(reference: str, *, key: str = "") -> list[Path]:
    """The Arrow files of a split of a data set, fetched from the Hub unless they were before.

    Args:
        reference: ``hub:OWNER/NAME:SPLIT``, or ``hub:OWNER/NAME@REVISION/CONFIGURATION:SPLIT``, where either may be
            left out.
        key: the configuration key that holds it, for messages.

    Raises:
        InputError: it is none of these, the package ``datasets`` is not installed, the Hub cannot be asked, or it has
            no such data set, configuration or split.
    """
    place = f"{key}: " if key else ""
    match = HUB.fullmatch(reference)
    if match is None:
        raise InputError(f"{place}found {reference!r}; a split of a data set on the Hub is hub:OWNER/NAME:SPLIT")
    if find_spec("datasets") is None:
        raise InputError(f"{place}{reference}: the package datasets is not installed; pip install 'nlptrain[hub]'")
    try:
        return _fetched(match["name"], match["config"], match["revision"], match["split"])
    except Exception as error:  # datasets raises of all kinds, and its messages are long
        reason = shorten(str(error).strip().split("\n")[0], _SHOWN, placeholder=" ...") or type(error).__name__
        raise InputError(
            f"{place}{reference}: cannot be had from the Hub ({reason}); without a network, fetch it where there is "
            "one and bring the folder HF_HOME along, or name files here"
        ) from error


@cache
def _fetched(name: str, config: str | None, revision: str | None, split: str) -> list[Path]:
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    try:
        found = datasets.load_dataset(name, config, revision=revision, split=split)
    except datasets.exceptions.DatasetsError as error:
        raise ValueError(str(error)) from error
    return [Path(file["filename"]) for file in found.cache_files]
