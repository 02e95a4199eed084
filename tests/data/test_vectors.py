"""Files of word vectors."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from nlptrain.data.vocabulary import read_vectors
from nlptrain.errors import InputError


def write(folder: Path, text: str, name: str = "v.txt") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


ROWS = "the 1 2 3\nOslo -1.5 0.25 1e-1\n. . 4 5 6\nat name@domain.com 7 8 9\n\u00a0x 1 1 1\n"


@pytest.mark.parametrize("header", ["", "5 3\n"])
@pytest.mark.parametrize("name", ["v.txt", "v.vec.gz"])
def test_rows_are_read_with_and_without_a_header(tmp_path: Path, header: str, name: str) -> None:
    vectors = read_vectors(write(tmp_path, header + ROWS, name), ["the", "Oslo", "nowhere", "\u00a0x"])
    assert vectors.dim == 3
    assert {word: row.tolist() for word, row in vectors.rows.items()} == {
        "the": [1, 2, 3],
        "Oslo": pytest.approx([-1.5, 0.25, 0.1]),
        "\u00a0x": [1, 1, 1],
    }
    assert all(row.dtype == np.float32 for row in vectors.rows.values())
    assert (vectors.requested, vectors.same_case) == (4, 3)


def test_words_may_contain_spaces(tmp_path: Path) -> None:
    vectors = read_vectors(write(tmp_path, ROWS), [". .", "at name@domain.com"])
    assert {word: row.tolist() for word, row in vectors.rows.items()} == {
        ". .": [4, 5, 6],
        "at name@domain.com": [7, 8, 9],
    }


def test_vectors_of_another_case_are_used_instead(tmp_path: Path) -> None:
    path = write(tmp_path, "oslo 1\nOslo 2\nNATO 3\nThe 4\n")
    vectors = read_vectors(path, ["Oslo", "OSLO", "nato", "the"])
    assert {word: row.tolist() for word, row in vectors.rows.items()} == {
        "Oslo": [2],
        "OSLO": [1],
        "nato": [3],
        "the": [4],
    }
    assert vectors.same_case == 1
    assert vectors.describe() == "4 of 4 words have a vector (100.0 %), 3 of them in another case; 1 dimensions"


def test_numbers_may_be_words_and_the_first_row_wins(tmp_path: Path) -> None:
    path = write(tmp_path, "2026 5\n3 6\n3 7\n")  # no header: the next row has one number, not five
    assert {w: r.tolist() for w, r in read_vectors(path, ["2026", "3"]).rows.items()} == {"2026": [5], "3": [6]}


def test_fasttext_ends_its_rows_with_a_space(tmp_path: Path) -> None:
    path = write(tmp_path, "2 2\n, 1 2 \nthe 3 4 \n")
    assert read_vectors(path, ["the", ","]).rows["the"].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the 1 2\na 3 4\nOslo 1\n", r"v\.txt:3: found 1 numbers; expected 2, as in other rows"),
        ("the 1 2\nOslo 1 x\n", r"v\.txt:2: found 'x'; expected a number"),
        ("the 1 2\nOslo 1 nan\n", r"v\.txt:2: found a number that is not finite"),
        ("2 3\nthe 1 2 3\nOslo 1 2\n", r"v\.txt:3: found 2 numbers; expected 3, as in other rows"),
        ("the\n", r"v\.txt:1: found no numbers after the word"),
        ("", r"v\.txt: found no vector"),
    ],
)
def test_invalid_rows_are_reported_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_vectors(write(tmp_path, text), ["the", "Oslo"])
