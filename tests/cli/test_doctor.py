"""The command doctor: how the words of a text align with the subwords of a tokenizer."""

import json
from pathlib import Path

import pytest

from tests.helpers.architectures import ARCHITECTURES
from tests.helpers.commands import call


def test_alignment_counts_words_and_subwords(tiny_bert: Path, tmp_path: Path) -> None:
    sentences = [
        (("Ada", "\u0301", "\U0001f642", "\u0301"), ("B-person", "O", "O", "O")),
        (("zzzz", "lives"), ("O", "O")),
        (("in",) * 150, ("O",) * 150),
    ]
    path = tmp_path / "gold.jsonl"
    path.write_text("".join(f"{json.dumps({'tokens': words, 'tags': tags})}\n" for words, tags in sentences))
    report = json.loads(call("doctor", "alignment", tiny_bert, path, "--json").stdout)
    assert (report["sentences"], report["words"]) == (3, 156)
    assert report["pieceless"] == {"\u0301": 2}
    assert report["unknown"] == {"\U0001f642": 1}
    assert (report["longest_word"], report["longest_word_pieces"]) == ("zzzz", 4)
    assert report["pieces"] == 155 + 4  # one per word, except zzzz
    assert (report["longest"], report["longest_words"]) == (f"{path}:3", 150)
    # windows of 64 subwords, 62 without [CLS] and [SEP], 15 in both of two adjacent ones: 62, 109, 150
    assert (report["longest_windows"], report["windowed"], report["max_pieces"]) == (3, 1, 64)
    output = call("doctor", "alignment", tiny_bert, path).stdout
    assert "words without a subword: 2 of 156 ('\u0301' 2)" in output
    assert "150 words, 150 subwords, 3 windows of at most 64" in output


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "xlnet", "xlm-multilingual"])
def test_an_unknown_word_is_counted_with_each_pre_tokenizer(architecture: str, tmp_path: Path) -> None:
    ARCHITECTURES[architecture](tmp_path / architecture)
    raw = tmp_path / "raw.txt"
    raw.write_text("Ada \U0001f642 lives \U0001f642 a\u6771\n")
    report = json.loads(call("doctor", "alignment", tmp_path / architecture, raw, "--raw", "--json").stdout)
    assert report["unknown"]["\U0001f642"] == 2  # Metaspace adds a subword in front
    assert not {"Ada", "lives"} & set(report["unknown"])


def test_alignment_of_raw_text_and_of_missing_files(tiny_bert: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw.txt"
    raw.write_text("Ada lives in Oslo.\n\nit rains\n")
    output = call("doctor", "alignment", tiny_bert, raw, "--raw")
    assert output.exit_code == 0
    assert output.stdout.startswith("text: 2 sentences, 7 words, ")
    assert "words without a subword: none" in output.stdout
    for arguments in ((tmp_path / "nowhere", raw), (tiny_bert, tmp_path / "none.conll")):
        broken = call("doctor", "alignment", *arguments)
        assert broken.exit_code == 2
        assert "Traceback" not in broken.output
