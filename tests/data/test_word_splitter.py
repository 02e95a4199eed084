"""The word splitter: a table of cases that all regular expression engines must split in the same way."""

import json
import shutil
import subprocess
import time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from nlptrain.data.word_splitter import Word, WordSplitter
from nlptrain.errors import InputError
from tests.helpers.splitter_cases import CASES, FRAGMENTS

SPLITTER = WordSplitter.default()
# Engines know different versions of Unicode: they differ at code points that were assigned lately, and at no others.
ASSIGNED = st.characters(exclude_categories=["Cs", "Cn"])
TEXTS = st.one_of(st.text(ASSIGNED, max_size=60), st.lists(st.sampled_from(FRAGMENTS), max_size=20).map("".join))


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["text"])[1:40])
def test_words_of_each_case_in_the_table(case):
    assert list(SPLITTER.words(case["text"])) == case["words"]


def test_the_table_is_long_enough():
    assert len(CASES) >= 100


def by_regex(text: str) -> list[str]:
    return regex.findall(SPLITTER.pattern, text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["text"])[1:40])
def test_the_regex_module_splits_the_cases_equally(case):
    assert by_regex(case["text"]) == case["words"]


@given(TEXTS)
def test_the_regex_module_splits_any_text_equally(text):
    assert by_regex(text) == list(SPLITTER.words(text))


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_javascript_splits_the_cases_equally():
    script = (
        "const [pattern, texts] = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "console.log(JSON.stringify(texts.map(t => t.match(new RegExp(pattern, 'gu')) || [])));"
    )
    given_texts = json.dumps([SPLITTER.pattern, [case["text"] for case in CASES]])
    done = subprocess.run(["node", "-e", script], input=given_texts, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [case["words"] for case in CASES]


@given(TEXTS)
def test_offsets_cover_all_visible_characters(text):
    words = SPLITTER.split(text)
    assert all(text[word.start : word.end] == word.text for word in words)
    assert all(word.end <= following.start for word, following in zip(words, words[1:], strict=False))
    assert tuple(word.text for word in words) == SPLITTER.words(text)
    covered = {index for word in words for index in range(word.start, word.end)}
    left = {text[index] for index in range(len(text)) if index not in covered}
    visible = regex.compile(r"[^\p{Z}\p{Cc}\p{Cf}]")
    assert not [character for character in left if visible.match(character)]


def test_offsets_count_code_points():
    assert SPLITTER.split("🙂 Ada") == [Word("🙂", 0, 1), Word("Ada", 2, 5)]


@pytest.mark.parametrize(
    "fragment",
    [
        "a",
        "a.",
        "a-",
        "a'",
        "1.",
        "1,",
        "@",
        "#a",
        "http://",
        "a@",
        "a@a.",
        "(",
        "x.co/",
        ".",
        " ",
        "é",
        "👍‍",
        "A.",
        "&",
        "n't",
    ],
)
def test_time_is_linear_in_the_length(fragment):
    def seconds(length: int) -> float:
        text = (fragment * length)[:length]
        best = []
        for _ in range(3):
            started = time.process_time()
            SPLITTER.words(text)
            best.append(time.process_time() - started)
        return min(best)

    # Sixteen times the text: 16 where the time is linear, 256 where it is quadratic.
    assert seconds(32_000) < 80 * max(seconds(2_000), 1e-4)


def test_pretokenized_text_is_split_at_white_space():
    words = WordSplitter.pretokenized().words("x-ray  don't\t@ada!\u3000b")
    assert words == ("x-ray", "don't", "@ada!", "b")


def test_a_splitter_is_saved_and_loaded(tmp_path):
    SPLITTER.save(tmp_path)
    assert WordSplitter.load(tmp_path) == SPLITTER
    assert (tmp_path / "word_splitter.json").read_text(encoding="utf-8").isascii()  # no editor can normalize it
    WordSplitter.pretokenized().save(tmp_path)
    assert WordSplitter.load(tmp_path) == WordSplitter.pretokenized()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "rule": "", "pattern": "("}'])
def test_an_invalid_splitter_is_reported(tmp_path, text):
    (tmp_path / "word_splitter.json").write_text(text)
    with pytest.raises(InputError, match=r"word_splitter\.json: not a word splitter"):
        WordSplitter.load(tmp_path)
