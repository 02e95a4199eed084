"""Corpora whose tags show their scheme, with a few broken ones: the scheme is found, and other entities stay."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_reading import TagEvidence, TagReading
from nlptrain_runtime.schemes import Scheme, tags_to_spans
from tests.helpers.broken_tags import TaggedCorpus, break_tags, new_corpus

SCHEMES: tuple[Scheme, ...] = ("iob1", "iob2", "iobes", "bilou")
SEEDS = st.integers(0, 2**32)
fixed = settings(max_examples=12, derandomize=True, deadline=None)


def broken_corpus(scheme: Scheme, share: float, seed: int) -> TaggedCorpus:
    """Return a corpus with broken tags."""
    corpus = new_corpus(scheme, seed)
    break_tags(corpus, share, seed)
    assert sum(map(len, corpus.spans)) >= 200
    return corpus


def check(corpus: TaggedCorpus, reading: TagReading, sentences: Iterable[Sentence], report: ReadReport) -> None:
    """Check the scheme, and that entities away from broken tags are as they were."""
    assert reading.scheme == corpus.scheme, reading.describe()
    read = {sentence.words: sentence for sentence in sentences}
    skipped = [row for row, words in enumerate(corpus.words) if tuple(words) not in read]
    for row, words in enumerate(corpus.words):
        if row in skipped:
            assert corpus.broken[row], f"skipped without a fault: {corpus.tags[row]}"
            continue
        spans = tags_to_spans(read[tuple(words)].tags or ())
        differing = [span for span in {*spans} ^ {*corpus.spans[row]} if not corpus.touched(row, span)]
        assert not differing, (corpus.tags[row], spans, corpus.spans[row])
    assert sum(cause.count for cause in report.causes if cause.action == "skipped") == len(skipped)


@pytest.mark.parametrize("share", [0.001, 0.01])
@pytest.mark.parametrize("scheme", SCHEMES)
@given(seed=SEEDS)
@fixed
def test_sentences_with_broken_tags(scheme: Scheme, share: float, seed: int):
    corpus, report = broken_corpus(scheme, share, seed), ReadReport()
    reading = TagEvidence(corpus.tags).reading("auto")
    rows = zip(corpus.words, corpus.tags, strict=True)
    given = [Sentence(tuple(words), tuple(tags), f"a:{row}") for row, (words, tags) in enumerate(rows)]
    converted = [reading.convert(sentence, report) for sentence in given]
    check(corpus, reading, [sentence for sentence in converted if sentence], report)


@pytest.mark.parametrize("separator", [" ", "\t", ",", " NN O "])
@pytest.mark.parametrize("scheme", SCHEMES)
@given(seed=SEEDS, share=st.sampled_from([0.001, 0.01]))
@fixed
def test_files_with_broken_tags(separator: str, scheme: Scheme, share: float, seed: int):
    corpus, report = broken_corpus(scheme, share, seed), ReadReport()
    is_csv = separator == ","
    lines = ["sentence_id,word,tag"] if is_csv else []
    for row, (words, tags) in enumerate(zip(corpus.words, corpus.tags, strict=True)):
        start = f"{row}," if is_csv else ""
        lines += [f"{start}{word}{separator}{tag}" for word, tag in zip(words, tags, strict=True)]
        lines += [] if is_csv else [""]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.csv" if is_csv else "train.conll")
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        gold = Corpus(path, DataConfig(), report=report)
        sentences = list(gold)
    check(corpus, gold.readings[path], sentences, report)
