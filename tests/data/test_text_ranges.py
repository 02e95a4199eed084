"""Ranges of text files are cut into the same blocks as the whole text, and each block can be read again."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data import blocks
from nlptrain.data.blocks import cut_blocks
from nlptrain.data.corpus import Corpus, new_report, raw_text
from nlptrain.data.duplicates import HeldOut
from nlptrain.data.raw_text import RawCounts
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_ranges import BlockReader, BlockSource, TextFiles, numbered
from nlptrain.data.text_sample import sample_text
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError

WORDS = "the old man went to a river in Norway and saw ships . \u00e9t\u00e9 \u6771\u4eac".split()


def write_text(path: Path, seed: int, lines: int, ends: Sequence[str] = ("\n",)) -> Path:
    choose = random.Random(seed)
    content = []
    for _ in range(lines):
        count = choose.choice([0, 2, 5, 9, 20, 150])
        content.append(" ".join(choose.choices(WORDS, k=count)) + choose.choice(ends))
    path.write_bytes(("\ufeff" * (seed % 2) + "".join(content)).encode())
    return path


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "CUT_MODULUS", 7)
    monkeypatch.setattr(blocks, "MAX_SENTENCES", 11)


def whole(files: TextFiles, counts: RawCounts, report: ReadReport) -> list[str]:
    corpus = Corpus.of(files.data, "unlabeled", report=report)
    raw = corpus.raw(files.splitter, held_out=files.held_out, counts=counts, keep_text=True, keep_repeats=True)
    return [block.name for block in cut_blocks(raw)]


def in_ranges(files: TextFiles, size: int) -> tuple[list[BlockSource], RawCounts, ReadReport]:
    counts, report = files.new_counts(), new_report(files.data)
    sources = []
    for part in files.ranges(size):
        own_counts, own_report = files.new_counts(), new_report(files.data)
        sources += [source for _, source in files.cut(part, own_counts, own_report)]
        counts.add(own_counts)
        report.add(own_report)
    return sources, counts, report


def read_in_numbered_ranges(files: TextFiles, size: int) -> list[tuple[str, tuple[str, ...]]]:
    ranges, lines = files.ranges(size), []
    for part in ranges:
        report = new_report(files.data)
        list(files.cut(part, files.new_counts(), report))
        lines.append(report.sentences)
    cut = (files.cut(part, files.new_counts(), new_report(files.data)) for part in numbered(ranges, lines))
    return [(sentence.where, sentence.words) for blocks in cut for block, _ in blocks for sentence in block.read]


def read_whole(files: TextFiles) -> list[tuple[str, tuple[str, ...]]]:
    raw = raw_text(files.data, files.splitter, files.held_out, to_label=True)
    return [(sentence.where, sentence.words) for sentence in raw]


@pytest.mark.parametrize("ends", [("\n",), ("\n", "\r\n", "\r", "\r\r\n")])
@pytest.mark.parametrize("size", [37, 500, 4_000, 10**9])
def test_ranges_of_any_size_have_the_blocks_of_the_whole_text(tmp_path: Path, size: int, ends: tuple[str, ...]) -> None:
    paths = [write_text(tmp_path / f"{seed}.txt", seed, 40 if size == 37 else 150, ends) for seed in range(2)]
    held_out = HeldOut([Sentence(tuple("the old man went to".split()))])
    data = DataConfig(unlabeled=[str(path) for path in paths], min_words=2, max_words=40)
    files = pickle.loads(pickle.dumps(TextFiles.of(data, WordSplitter.default(), held_out)))
    expected_counts, expected_report = files.new_counts(), new_report(data)
    expected = whole(files, expected_counts, expected_report)
    sources, counts, report = in_ranges(files, size)
    assert [source.name for source in sources] == expected
    assert len(expected) > 10
    assert report.to_json() == expected_report.to_json()
    for name in ("lines", "blank", "short", "cut", "parts", "held_out"):
        assert getattr(counts, name) == getattr(expected_counts, name), name
    reader = BlockReader(files)
    for source in [*sources, *sources[::-9]]:
        assert reader.read(source).name == source.name
    assert read_in_numbered_ranges(files, size) == read_whole(files)


def test_rows_are_read_whole(tmp_path: Path) -> None:
    choose = random.Random(3)
    path = tmp_path / "rows.jsonl"
    rows = [{"text": " ".join(choose.choices(WORDS, k=choose.choice([3, 8, 200])))} for _ in range(300)]
    rows[20] = {"text": 3}  # type: ignore[dict-item]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = DataConfig(unlabeled=[str(path)], min_words=2, max_words=40)
    files = TextFiles.of(data, WordSplitter.default(), None)
    expected = whole(files, files.new_counts(), new_report(data))
    sources, _, report = in_ranges(files, 10)
    assert [source.name for source in sources] == expected
    assert report.to_json()["skipped"] == {"row without a text or words": 1}
    reader = BlockReader(files)
    for source in [*sources, *sources[::-5]]:
        assert reader.read(source).name == source.name
    assert read_in_numbered_ranges(files, 10) == read_whole(files)


def test_a_sample_has_distinct_sentences_from_the_whole_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlptrain.data.text_sample._PART_BYTES", 500)
    lines = [f"the line {n} of a text" for n in range(4_000)]
    rows = [json.dumps({"text": f"the row {n} of a text"}) for n in range(2_000)]
    (tmp_path / "a.txt").write_text("the very same line\n" * 1_000 + "\n".join(lines) + "\n")
    (tmp_path / "b.jsonl").write_text("\n".join(rows) + "\n")
    data = DataConfig(unlabeled=[str(tmp_path / "a.txt"), str(tmp_path / "b.jsonl")])
    files = TextFiles.of(data, WordSplitter.default(), None)
    sample = [" ".join(sentence.words) for sentence in sample_text(files, files.size // 10)]
    assert len(sample) == len(set(sample))
    numbers = [int(text.split()[2]) for text in sample if text.startswith("the line")]
    assert 350 < len(numbers) < 450
    assert all(any(start <= n < start + 200 for n in numbers) for start in range(0, 4_000, 200))
    from_rows = [int(text.split()[2]) for text in sample if text.startswith("the row")]
    assert from_rows == list(range(len(from_rows)))
    assert 40 < len(from_rows) < 100
    assert {" ".join(sentence.words) for sentence in sample_text(files, files.size)} >= {*lines, "the very same line"}


def test_error_if_the_text_has_changed(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", 1, 100)
    data = DataConfig(unlabeled=[str(path)], min_words=2)
    files = TextFiles.of(data, WordSplitter.default(), None)
    sources, _, _ = in_ranges(files, 1000)
    path.write_text(path.read_text().replace("river", "lake"))
    reader = BlockReader(files)
    with pytest.raises(InputError, match=r"a\.txt: has changed since the start of this command"):
        list(map(reader.read, sources))


def test_error_with_the_offset_of_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a good line of text\n" * 50 + b"caf\xe9 au lait\n")
    files = TextFiles.of(DataConfig(unlabeled=[str(path)], min_words=2), WordSplitter.default(), None)
    with pytest.raises(InputError, match=r"a\.txt: byte 1003 \(0xE9\) is not UTF-8"):
        in_ranges(files, 100)
