"""The text that decides a student's vocabulary: all of a short one, a sample of a long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlptrain.config.commands import TaggerKDConfig
from nlptrain.config.data import DataConfig
from nlptrain.data.splits import read_splits
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.procedures.inputs import training_text


@pytest.mark.parametrize("dev", ["dev.conll", None])
def test_a_sample_of_a_long_text_decides_the_vocabulary(
    corpus: Path, dev: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (corpus / "long.txt").write_text("".join(f"this is the line {n} of a text\n" for n in range(3_000)))
    data = DataConfig(
        train=str(corpus / "train.conll"), dev=dev and str(corpus / dev), unlabeled=str(corpus / "long.txt")
    )
    splits = read_splits(data, None, log=lambda _: None)
    config = TaggerKDConfig(teacher="t", data=data, output_dir="r")
    lines: list[str] = []
    read = training_text(config, splits, WordSplitter.default(), log=lines.append)
    assert len(list(read())) - len(splits.train) in (3_000, 2_940)  # without dev, 2 % become dev
    assert lines == []
    monkeypatch.setattr("nlptrain.procedures.inputs.SAMPLE_BYTES", 10_000)
    sample = list(read())
    assert sample[: len(splits.train)] == list(splits.train)
    assert 200 < len(sample) - len(splits.train) < 600
    assert lines == ["vocabulary: from 0 MB of 0 MB of text, evenly spread (student.embedder.vocab_size)"]
