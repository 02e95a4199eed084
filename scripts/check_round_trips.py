"""Convert the public corpora to each format and back: python -m scripts.check_round_trips [DATA].

DATA is the folder that holds wnut17/ and ud_ewt/. What a format holds must come back as it was, byte for byte in the
format of the corpus; what it has no place for is left out of both sides, and said.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import SUFFIXES, GoldFormat
from nlptrain.data.tag_schemes import Scheme
from nlptrain.procedures.conversion import convert_corpus
from scripts.runs import DATA, ROOT

CORPORA: dict[str, tuple[GoldFormat, Scheme]] = {
    "wnut17/{}.conll": ("conll", "iob2"),
    "ud_ewt/{}.conllu": ("conllu", "plain"),
}


def there_and_back(path: Path, own: GoldFormat, scheme: Scheme, target: GoldFormat, folder: Path) -> str:
    """What became of the words, tags, ids and texts of ``path`` by way of ``target``, in one line."""
    data = DataConfig(scheme=scheme, pretokenized=target == "brat")
    other, again, direct = (folder / f"{name}{suffix}" for name, suffix in (
        ("other", SUFFIXES[target][0]), ("again", path.suffix), ("direct", path.suffix)
    ))  # fmt: skip
    there = convert_corpus(Corpus(str(path), data), other, target, comments=True)
    back = convert_corpus(Corpus(str(other), data), again, own, comments=True)
    once = convert_corpus(Corpus(str(path), data), direct, own, comments=True)
    same = again.read_bytes() == direct.read_bytes()
    alike = (back.sentences, back.words) == (once.sentences, once.words) and _columns(again) == _columns(direct)
    lost = f"; no place for {', '.join(there.lost)}" if there.lost else ""
    return "identical" if same else f"words and tags identical{lost}" if alike else f"DIFFERENT{lost}"


def _columns(path: Path) -> list[str]:
    """The lines of words, without comments and what follows from the text."""
    found = [line for line in path.read_text(encoding="utf-8").split("\n") if not line.startswith("# ")]
    return [line.removesuffix("SpaceAfter=No").removesuffix("_") for line in found]


def main(data: str = DATA) -> None:
    """Print a line for each format and file; exit with 1 if anything came back otherwise."""
    wrong = 0
    for pattern, (own, scheme) in CORPORA.items():
        for target in SUFFIXES:
            for split in ("train", "dev", "test"):
                with tempfile.TemporaryDirectory() as name:
                    path = ROOT / data / pattern.format(split)
                    found = there_and_back(path, own, scheme, target, Path(name))
                print(f"{pattern.format(split):22} {target:12} {found}", flush=True)
                wrong += found.startswith("DIFFERENT")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
