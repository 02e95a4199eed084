"""What the doctor says of a tokenizer and a text."""

import json
from pathlib import Path

import pytest

from tests.helpers.architectures import ARCHITECTURES
from tests.helpers.commands import call
from tests.helpers.corpora import write_columns


def test_alignment_is_counted(tiny_bert: Path, tmp_path: Path) -> None:
    sentences = [
        (("Ada", "\ufe0f", "\U0001f642", "\ufe0f"), ("B-person", "O", "O", "O")),
        (("zzzz", "lives"), ("O", "O")),
        (("in",) * 150, ("O",) * 150),
    ]
    path = write_columns(tmp_path / "gold.conll", sentences)
    found = json.loads(call("doctor", "alignment", tiny_bert, path, "--json").stdout)
    assert (found["sentences"], found["words"]) == (3, 156)
    assert found["pieceless"] == {"\ufe0f": 2}
    assert found["unknown"] == {"\U0001f642": 1}
    assert (found["longest_word"], found["longest_word_pieces"]) == ("zzzz", 4)
    assert found["pieces"] == 155 + 4  # one a word, but zzzz
    assert (found["longest"], found["longest_words"]) == (f"{path}:9", 150)
    # 64 pieces at once, 62 beside [CLS] and [SEP], 15 shared by neighbors: 62, 109, 150
    assert (found["longest_windows"], found["windowed"], found["max_pieces"]) == (3, 1, 64)
    shown = call("doctor", "alignment", tiny_bert, path).stdout
    assert "words without a subword: 2 of 156 ('\ufe0f' 2)" in shown
    assert "150 words, 150 subwords, 3 windows of at most 64" in shown


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "xlnet", "xlm-multilingual"])
def test_a_word_of_which_nothing_is_known_is_unknown_whatever_opens_it(family: str, tmp_path: Path) -> None:
    ARCHITECTURES[family](tmp_path / family)
    raw = tmp_path / "raw.txt"
    raw.write_text("Ada \U0001f642 lives \U0001f642 a\u6771\n")
    found = json.loads(call("doctor", "alignment", tmp_path / family, raw, "--raw", "--json").stdout)
    assert found["unknown"]["\U0001f642"] == 2  # Metaspace puts its own piece in front
    assert not {"Ada", "lives"} & set(found["unknown"])


def test_raw_text_and_faults(tiny_bert: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw.txt"
    raw.write_text("Ada lives in Oslo.\n\nit rains\n")
    shown = call("doctor", "alignment", tiny_bert, raw, "--raw")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("text: 2 sentences, 7 words, ")
    assert "words without a subword: none" in shown.stdout
    for arguments in ((tmp_path / "nowhere", raw), (tiny_bert, tmp_path / "none.conll")):
        broken = call("doctor", "alignment", *arguments)
        assert broken.exit_code == 2
        assert "Traceback" not in broken.output
