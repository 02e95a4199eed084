"""Read the public corpora and compare their counts with the known ones: python -m scripts.check_data DATA_DIR."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from nlptrain.config.data import ColumnsConfig, DataConfig
from nlptrain.data.raw_text import RawCounts, read_raw
from nlptrain.data.splits import held_out_sentences, read_splits
from nlptrain.data.text_files import expand_paths
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from scripts.check_splitter import conll_rows, conllu_rows, f1

# Sentences and words as the corpora's own pages give them; UD EWT's words without ranges and empty nodes.
KNOWN = {
    ("wnut17", "conll"): {"train": (3_394, 62_730), "dev": (1_009, 15_733), "test": (1_287, 23_394)},
    ("ud_ewt", "conllu"): {"train": (12_544, 204_577), "dev": (2_001, 25_147), "test": (2_077, 25_094)},
}
RAW_LINES = 89_843
LEAST_F1 = 0.95


def checks(data: Path) -> Iterator[tuple[str, object, object]]:
    """Yield the name, the result and the expected result of each check."""
    for (corpus, suffix), splits in KNOWN.items():
        files = {split: str(data / corpus / f"{split}.{suffix}") for split in splits}
        read = read_splits(DataConfig(**files), log=lambda _: None)  # type: ignore[arg-type]
        for split, known in splits.items():
            sentences = getattr(read, split)
            yield f"{corpus} {split}", (len(sentences), sum(len(s.words) for s in sentences)), known
        yield f"{corpus} labels", len(read.labels), {"wnut17": 13, "ud_ewt": 17}[corpus]
        if corpus == "wnut17":
            counts = RawCounts()
            raw = expand_paths(str(data / "wnut17/raw/*.txt"))
            held_out = held_out_sentences(read)
            used = read_raw(raw, WordSplitter.default(), min_words=4, max_words=80, held_out=held_out, counts=counts)
            total = sum(1 for _ in used)
            yield "wnut17 raw lines", counts.lines, RAW_LINES
            yield "wnut17 raw sentences", total, counts.sentences
            print(f"     {counts.describe()}")
    xpos = DataConfig(
        train=str(data / "ud_ewt/train.conllu"), dev=str(data / "ud_ewt/dev.conllu"), columns=ColumnsConfig(tags="xpos")
    )
    yield "ud_ewt XPOS scheme", read_splits(xpos, log=lambda _: None).labels.scheme, "plain"
    score = f1(conllu_rows(data / "ud_ewt/dev.conllu"))
    yield f"splitter on UD EWT dev, F1 {score:.4f} at least {LEAST_F1}", score >= LEAST_F1, True
    rows = [(text, offsets) for text, offsets, _ in conll_rows(data / "wnut17/dev.conll")]
    score = f1(rows)
    yield f"splitter on WNUT17 dev, F1 {score:.4f} at least {LEAST_F1}", score >= LEAST_F1, True


def main(data: Path) -> int:
    """Print a line for each check; return 1 if one of them failed."""
    failed = 0
    try:
        for name, result, expected in checks(data):
            is_right = result == expected
            failed += not is_right
            print(f"{'ok  ' if is_right else 'FAIL'} {name}: {result}" + ("" if is_right else f"; expected {expected}"))
    except InputError as error:
        print(f"FAIL {error}")
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
