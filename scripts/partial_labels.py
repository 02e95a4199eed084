"""Measure training on partial annotation: WNUT17's types in halves, marginalized, against whole sentences and O.

A sentence in two is checked for person, location and group alone, the other ones for corporation, product and
creative-work; the marks of other types are dropped. A student with a CRF is trained on gold tags alone, three times:

- partial: what was not looked for is unknown;
- half: every second sentence, with all its marks, which is as much annotation;
- as O: what was not looked for is O (``data.unknown_as: O``).

    python -m scripts.partial_labels          # writes the files, trains, prints the scores of dev
    python -m scripts.partial_labels --test   # prints those of test, of the same runs
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import WriteContext
from nlptrain.data.formats.registry import write_gold
from nlptrain.data.partial_annotation import tags_of_types
from nlptrain.data.sentence import Sentence
from scripts.runs import DATA, ROOT, folder_of, train_all, value

FOLDER = "partial_labels"  # in runs/
STUDENT = ("student.embedder.kind=pooled", "student.encoder.layers=1", "student.encoder.hidden=64")  # a fast one
TYPES = (frozenset({"person", "location", "group"}), frozenset({"corporation", "product", "creative-work"}))
NAMES = {
    "partial": "three of the six types in each sentence, marginalized",
    "half": "all types in every second sentence",
    "as O": "three of the six types in each sentence, the others as O",
}


def partial_sentences(sentences: Iterable[Sentence]) -> list[Sentence]:
    """Return ``sentences`` with three of the six types, in turn, and without the marks of the others."""
    result = []
    for index, sentence in enumerate(sentences):
        asked = TYPES[index % 2]
        result.append(replace(sentence, tags=tuple(tags_of_types(sentence.tags or (), asked)), asked=asked))
    return result


def write_files(folder: Path) -> dict[str, Path]:
    """Write the train files of the three ways to ``folder``, and return them."""
    sentences = list(Corpus(ROOT / DATA / "wnut17" / "train.conll"))
    partial, half = folder / "partial.jsonl", folder / "half.jsonl"
    write_gold(partial_sentences(sentences), partial, "jsonl", WriteContext("iob2"))
    write_gold(sentences[::2], half, "jsonl", WriteContext("iob2"))
    return {"partial": partial, "half": half, "as O": partial}


def main(arguments: Sequence[str]) -> int:
    """Train each way with each seed, and print a table; return 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--ways", nargs="+", default=list(NAMES), choices=list(NAMES))
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, which share the cores")
    parser.add_argument("--test", action="store_true", help="print the scores of test instead of dev")
    options = parser.parse_args(arguments)
    files = write_files(ROOT / "runs" / FOLDER)
    runs = {way: [_arguments(way, files[way], seed, options.steps) for seed in range(options.seeds)] for way in NAMES}
    train_all([run for way in options.ways for run in runs[way]], options.jobs)
    split = "test" if options.test else "dev"
    print(f"| train sentences | F1 on {split}, mean | each seed |\n| --- | --- | --- |")
    for way in options.ways:
        points = [value(folder_of(run), split) for run in runs[way]]
        each = ", ".join(f"{score:.1f}" for score in points)
        print(f"| {NAMES[way]} | {statistics.mean(points):.1f} | {each} |")
    return 0


def _arguments(way: str, train: Path, seed: int, steps: int) -> list[str]:
    """Return the command line of one run."""
    folder = f"runs/{FOLDER}/{way.replace(' ', '_')}-{steps}-{seed}"
    settings = [f"data.train={train}", f"train.steps={steps}", "train.eval_every=200", f"seed={seed}", *STUDENT]
    if way == "as O":
        settings.append("data.unknown_as=O")
    options = [part for setting in settings for part in ("--set", setting)]
    return ["tagger", "configs/wnut17/tagger.yaml", *options, "--output-dir", folder]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
