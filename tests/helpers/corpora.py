"""Tiny corpora of persons and locations, generated from a seed, in memory and as files."""

from __future__ import annotations

import random
from pathlib import Path

from nlptrain.data.labels import Labels

PEOPLE = ["Ada", "Boris", "Chloe", "Dmitri", "Elena", "Farid"]
PLACES = ["Paris", "Oslo", "Kyoto", "Lagos", "Quito", "Turin"]
FRAMES = [
    "{p} lives in {l} .",
    "in {l} it rains , says {p} Smith .",
    "{p} Smith and {q} went to {l} yesterday",
    "nobody saw the old house near {l}",
    "the dog barked at {p} , again and again !",
    "what a day it was",
]
LABEL_NAMES = ["O", "B-person", "I-person", "B-place", "I-place"]
LABELS = Labels.from_names(LABEL_NAMES)
PARTS_OF_SPEECH = {"in": "ADP", "near": "ADP", "at": "ADP", "to": "ADP", ".": "PUNCT", ",": "PUNCT", "!": "PUNCT"}


def make_sentences(count: int, seed: int) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return ``count`` sentences as (words, IOB2 tags), generated from ``seed``."""
    rng = random.Random(seed)
    sentences = []
    for _ in range(count):
        words: list[str] = []
        tags: list[str] = []
        for token in rng.choice(FRAMES).split(" "):
            kind = {"{p}": "person", "{q}": "person", "{l}": "place"}.get(token)
            word = rng.choice(PLACES if kind == "place" else PEOPLE) if kind else token
            words.append(word)
            inside = word == "Smith" and tags[-1] == "B-person"
            tags.append(f"B-{kind}" if kind else "I-person" if inside else "O")
        sentences.append((tuple(words), tuple(tags)))
    return sentences


def write_columns(path: Path, sentences: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> Path:
    """Write ``sentences`` as a CoNLL file and return its path."""
    blocks = ("".join(f"{word}\t{tag}\n" for word, tag in zip(*sentence, strict=True)) for sentence in sentences)
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


def write_corpus(folder: Path) -> Path:
    """Write CoNLL files (train, dev, test) and raw text into ``folder``."""
    write_columns(folder / "train.conll", make_sentences(60, 1))
    write_columns(folder / "dev.conll", make_sentences(20, 2))
    write_columns(folder / "test.conll", make_sentences(20, 3))
    raw = [" ".join(words) for words, _ in make_sentences(300, 4)]
    (folder / "raw.txt").write_text("\n".join([*raw, "", "too short"]) + "\n", encoding="utf-8")
    return folder


def write_part_of_speech_corpus(folder: Path) -> None:
    """Write train, dev and test as CoNLL-U files with a part of speech for each word into ``folder``."""
    for seed, split in enumerate(("train", "dev", "test")):
        blocks = []
        for words, _ in make_sentences(60, seed):
            rows = [
                f"{row}\t{word}\t_\t{PARTS_OF_SPEECH.get(word, 'X')}\tx\t_\t_\t_\t_\t_\n"
                for row, word in enumerate(words, start=1)
            ]
            blocks.append(f"# text = {' '.join(words)}\n" + "".join(rows))
        (folder / f"{split}.conllu").write_text("\n".join(blocks) + "\n")
