"""Measure the disk that the logits of 9, 100 and some 400 labels take: python -m scripts.check_disk [RAW_TEXT...].

Fine-tunes MiniLM on UD EWT, where a label is a word's UPOS, XPOS and features together. Then writes blocks of the dev
sentences, and of the sentences of RAW_TEXT, of 18 to 22 words, with all logits and with the largest alone, and prints
the bytes for each 20 words. For fewer labels, the rarest ones share the sum of their probabilities.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from nlptrain.config.data import DataConfig
from nlptrain.data.blocks import Block
from nlptrain.data.corpus import Corpus
from nlptrain.data.raw_text import read_raw
from nlptrain.data.sentence import Sentence
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.distillation.block_file import block_content
from nlptrain.distillation.teachers.teacher import TeacherLogits
from nlptrain.models.transformer import load_token_model
from scripts.runs import DATA, ROOT, folder_of, train_all

FOLDER = "many_labels"  # in runs/
STEPS = 3000
PLAIN = DataConfig(scheme="plain")


def write_labels() -> Path:
    """Write UPOS, XPOS and features of each train word of UD EWT as one label, and return the file."""
    lines = []
    for line in (ROOT / DATA / "ud_ewt" / "train.conllu").read_text(encoding="utf-8").split("\n"):
        fields = line.split("\t")
        if not line:
            lines.append("")
        elif len(fields) == 10 and fields[0].isdigit():
            lines.append(f"{fields[1].replace(' ', '_')}\t{'/'.join(fields[3:6]).replace('|', '/')}")
    path = ROOT / "runs" / FOLDER / "train.conll"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def merged(logits: np.ndarray, order: Sequence[int], labels: int) -> np.ndarray:
    """Return the logits of the ``labels`` - 1 first labels of ``order``, and that of all others together."""
    if labels >= logits.shape[1]:
        return logits
    kept = logits[:, order[: labels - 1]]
    others = np.logaddexp.reduce(logits[:, order[labels - 1 :]], axis=1, keepdims=True)
    return np.concatenate([kept, others], axis=1)


def main(arguments: Sequence[str]) -> int:
    """Train the teacher unless there is one, and print a table; return 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("raw", nargs="*", type=Path, help="files of raw text")
    raw = parser.parse_args(arguments).raw
    train = write_labels()
    settings = (
        f"data.train={train}",
        "data.dev=null",
        "data.test=null",
        "data.scheme=plain",
        f"train.steps={STEPS}",
        "train.learning_rate=3e-4",
    )
    options = [part for setting in settings for part in ("--set", setting)]
    run = ["transformer_token", "configs/ud_ewt/transformer_token.yaml", *options, "--output-dir", f"runs/{FOLDER}/run"]
    train_all([run], 1)
    teacher = load_token_model(ROOT / "runs" / folder_of(run) / "model")
    frequency = Counter(tag for sentence in Corpus(train, PLAIN) for tag in sentence.tags or ())
    order = [teacher.labels.ids[name] for name, _ in frequency.most_common()]
    sources: dict[str, Iterable[Sentence]] = {"dev": Corpus(ROOT / DATA / "ud_ewt" / "dev.conllu")}
    if raw:
        sources["raw"] = read_raw(raw, WordSplitter.default(), min_words=18, max_words=22)
    print("| text | sentences | labels | all logits | the largest |\n| --- | ---: | ---: | ---: | ---: |")
    for name, source in sources.items():
        sentences = list(islice((sentence for sentence in source if 18 <= len(sentence.words) <= 22), 2000))
        words = sum(len(sentence.words) for sentence in sentences)
        logits = teacher.logits([sentence.words for sentence in sentences])
        block = Block.of(sentences, [sentence.hash() for sentence in sentences])
        for labels in (9, 100, len(teacher.labels)):
            values = TeacherLogits.of([merged(part, order, labels) for part in logits])
            sizes = [len(block_content(block, values, labels, None, top=top)) for top in (False, True)]
            row = " | ".join(f"{20 * size / words:,.0f} B" for size in sizes)
            print(f"| {name} | {len(sentences):,} | {labels} | {row} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
