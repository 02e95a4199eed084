"""Convert the public corpora to each format and back: python -m scripts.check_round_trips [DATA].

DATA is the folder that holds wnut17/ and ud_ewt/. What a format stores must come back unchanged, byte for byte in the
format of the corpus; what it cannot store is listed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from nlptrain.config.data import DataConfig
from nlptrain.config.formats import FORMATS, writable_formats
from nlptrain.data.corpus import Corpus
from nlptrain.data.tag_schemes import Scheme
from nlptrain.procedures.conversion import convert_corpus
from scripts.runs import DATA, ROOT

CORPORA: dict[str, tuple[str, Scheme]] = {
    "wnut17/{}.conll": ("conll", "iob2"),
    "ud_ewt/{}.conllu": ("conllu", "plain"),
}


def round_trip(path: Path, own: str, scheme: Scheme, target: str, folder: Path) -> str:
    """Convert ``path`` to ``target`` and back, and describe in one line how words, tags, ids and texts changed."""
    data = DataConfig(scheme=scheme, pretokenized=target == "brat")
    other, again, direct = (folder / f"{name}{suffix}" for name, suffix in (
        ("other", FORMATS[target].suffixes[0]), ("again", path.suffix), ("direct", path.suffix)
    ))  # fmt: skip
    written = convert_corpus(Corpus(str(path), data), other, target, comments=True)
    back = convert_corpus(Corpus(str(other), data), again, own, comments=True)
    once = convert_corpus(Corpus(str(path), data), direct, own, comments=True)
    is_same = again.read_bytes() == direct.read_bytes()
    is_similar = (back.sentences, back.words) == (once.sentences, once.words) and _columns(again) == _columns(direct)
    lost = f"; not stored: {', '.join(written.lost)}" if written.lost else ""
    return "identical" if is_same else f"words and tags identical{lost}" if is_similar else f"DIFFERENT{lost}"


def _columns(path: Path) -> list[str]:
    """Return the lines of words, without comments and what depends on the text."""
    lines = [line for line in path.read_text(encoding="utf-8").split("\n") if not line.startswith("# ")]
    return [line.removesuffix("SpaceAfter=No").removesuffix("_") for line in lines]


def main(data: str = DATA) -> None:
    """Print a line for each format and file; exit with 1 if anything changed."""
    wrong = 0
    for pattern, (own, scheme) in CORPORA.items():
        for target in writable_formats():
            for split in ("train", "dev", "test"):
                with tempfile.TemporaryDirectory() as name:
                    path = ROOT / data / pattern.format(split)
                    result = round_trip(path, own, scheme, target, Path(name))
                print(f"{pattern.format(split):22} {target:12} {result}", flush=True)
                wrong += result.startswith("DIFFERENT")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
