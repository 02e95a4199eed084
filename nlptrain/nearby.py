"""What a name that is not there may have meant."""

from __future__ import annotations

import difflib
import os
from itertools import islice
from pathlib import Path

_NAMES = 10_000  # of a folder that are compared, at most


def nearby(path: Path) -> str:
    """``; did you mean 'data/train.conll'?`` if a name like that of ``path`` stands in its folder, else nothing."""
    try:
        with os.scandir(path.parent) as items:
            names = [item.name for item in islice(items, _NAMES)]
    except (OSError, ValueError):  # no folder, or one that may not be read
        return ""
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean '{path.parent / near[0]}'?" if near else ""
