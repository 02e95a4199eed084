"""Scripts without spaces: words, spans and raw text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from nlptrain.config.data import Align, DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.jsonl import read_jsonl
from nlptrain.data.raw_text import RawCounts
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain_runtime.segmenters import SegmenterError, segment_text

# Somchai went to Bangkok yesterday; Tanaka lives in Kyoto; Wang Fang works in Shanghai.
THAI = (
    "\u0e2a\u0e21\u0e0a\u0e32\u0e22\u0e44\u0e1b"
    "\u0e01\u0e23\u0e38\u0e07\u0e40\u0e17\u0e1e\u0e40\u0e21\u0e37\u0e48\u0e2d\u0e27\u0e32\u0e19"
)
JAPANESE = "\u7530\u4e2d\u306f\u4eac\u90fd\u306b\u4f4f\u3080"
CHINESE = "\u738b\u82b3\u5728\u4e0a\u6d77\u5de5\u4f5c"


@pytest.mark.parametrize("align", get_args(Align))
@pytest.mark.parametrize(
    ("text", "spans", "entities", "words"),
    [
        (THAI, [(0, 5, "PER"), (7, 14, "LOC")], [("PER", THAI[:5]), ("LOC", THAI[7:14])], 19),
        (JAPANESE, [(0, 2, "PER"), (3, 5, "LOC")], [("PER", JAPANESE[:2]), ("LOC", JAPANESE[3:5])], 8),
        (CHINESE, [(0, 2, "PER"), (3, 5, "LOC")], [("PER", CHINESE[:2]), ("LOC", CHINESE[3:5])], 7),
    ],
    ids=["Thai", "Japanese", "Chinese"],
)
def test_spans_need_no_repair(
    tmp_path: Path,
    align: Align,
    text: str,
    spans: list[tuple[int, int, str]],
    entities: list[tuple[str, str]],
    words: int,
) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": text, "label": spans}))
    context = ReadContext(align=align)
    (sentence,) = read_jsonl(tmp_path / "a.jsonl", context)
    joined: list[tuple[str, str]] = []
    for word, tag in zip(sentence.words, sentence.tags or (), strict=True):
        if tag.startswith("B-"):
            joined.append((tag[2:], word))
        elif tag != "O":
            joined[-1] = (joined[-1][0], joined[-1][1] + word)
    assert joined == entities
    assert len(sentence.words) == words
    assert "".join(sentence.words) == text
    assert context.report.to_json() == {"sentences": 0, "mentions": {"exact": 2}}


def test_no_raw_line_is_lost_as_one_word(tmp_path: Path) -> None:
    lines = [
        THAI,
        JAPANESE,
        CHINESE,
        "\u0e84\u0ebb\u0e99\u0ea5\u0eb2\u0ea7\u0ea1\u0eb2",
        "\u3068\u3066\u3082\u3044\u3044",
    ]
    (tmp_path / "raw.txt").write_text("\n".join(lines))
    counts = RawCounts()
    sentences = list(Corpus(str(tmp_path / "raw.txt"), DataConfig()).raw(counts=counts))
    assert ["".join(sentence.words) for sentence in sentences] == lines
    assert counts.short == 0


def test_words_of_a_segmenter_may_be_strings_or_offsets() -> None:
    text = " \u6771\u4eac  Ada "
    words = [("\u6771\u4eac", (1, 3)), ("Ada", (5, 8))]
    assert segment_text(lambda text: [" ", text[1:3], "  ", "Ada", " "], text, "own") == words
    assert segment_text(lambda _: [(0, 4), (4, 9)], text, "own") == words


@pytest.mark.parametrize("words", [["Eve"], ["Ada", "\u6771"], [(5, 20)], [(3, 5), (1, 3)], [(-1, 2)]], ids=str)
def test_words_of_a_segmenter_must_be_in_the_text(words: list[str | tuple[int, int]]) -> None:
    with pytest.raises(SegmenterError, match="the word segmenter 'own' returned .*, which is not in the rest of"):
        segment_text(lambda _: words, "\u6771\u4eac Ada", "own")


def test_a_segmenter_that_is_not_installed_is_refused() -> None:
    with pytest.raises(ValueError, match="found the word segmenter 'jieba_x'"):
        DataConfig(segmenter="jieba_x")
    with pytest.raises(ValueError, match="found both segmenter and pretokenized"):
        DataConfig(segmenter="jieba_x", pretokenized=True)
    with pytest.raises(InputError, match="found the word segmenter 'jieba_x'"):
        WordSplitter.segmented("jieba_x")


def test_a_model_folder_names_its_segmenter(tmp_path: Path) -> None:
    WordSplitter(1000, r"[^\\p{Z}\\p{Cc}]+", "", "jieba_x").save(tmp_path)
    assert json.loads((tmp_path / "word_splitter.json").read_text())["segmenter"] == "jieba_x"
    with pytest.raises(InputError, match=r"word_splitter\.json: the word segmenter 'jieba_x' is not installed"):
        WordSplitter.load(tmp_path)
