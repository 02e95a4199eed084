"""The format of a file by its content, and files given as raw text that are something else."""

from __future__ import annotations

import gzip
import io
import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from nlptrain.data.formats.sniffing import sniff_format, sniff_raw

CONLL = "Ama\tB-PER\nMensah\tI-PER\nsings\tO\n\nIt\tO\nrains\tO\n"
CONLLU = "# text = It rains\n1\tIt\tit\tPRON\t_\t_\t2\tnsubj\t_\t_\n2\trains\train\tVERB\t_\t_\t0\troot\t_\t_\n\n"
ROWS = [{"tokens": ["Ama", "sings"], "tags": ["B-PER", "O"]}, {"tokens": ["It"], "tags": ["O"]}]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS)
CSV = "sentence_id,word,tag\n1,Ama,B-PER\n1,sings,O\n2,It,O\n"
BRAT = "T1\tPER 0 3\tAma\nR1\tknows Arg1:T1 Arg2:T1\t\n"


def arrow(*, stream: bool) -> bytes:
    table = pa.table({"tokens": [["Ama"]], "tags": [["O"]]})
    sink = io.BytesIO()
    open_writer = pa.ipc.new_stream if stream else pa.ipc.new_file
    with open_writer(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


CONTENTS = [
    pytest.param(CONLL, "conll", id="columns"),
    pytest.param(CONLL.replace("\t", " "), "conll", id="columns with spaces"),
    pytest.param(CONLL.replace("B-", "").replace("I-", "") + "\n" + "It\tO\n" * 9, "conll", id="types without prefix"),
    pytest.param(CONLL.replace("-PER", ""), "conll", id="tags without type"),
    pytest.param("-DOCSTART- -X- O O\n\nAccra NNP I-NP I-LOC\nsings VBZ I-VP O\n", "conll", id="four columns"),
    pytest.param("B-PER\tAma\nI-PER\tMensah\nO\tsings\n", "conll", id="tags first"),
    pytest.param("Ama (PER*\nMensah *)\nsings *\n", "conll", id="brackets"),
    pytest.param("It PRON\nrains VERB\n\nWe PRON\n", "conll", id="parts of speech"),
    pytest.param("TOKEN\tNE-COARSE\tNE-FINE\nAma\tB-pers\tO\nsings\tO\tO\n", "conll", id="header"),
    pytest.param("# id 1\tdomain=en\nthe _ _ O\nold _ _ B-CW\nharbour _ _ I-CW\n", "conll", id="comment"),
    pytest.param(CONLLU, "conllu", id="conllu"),
    pytest.param(CONLLU.replace("_\n", "O\n"), "conll", id="ten columns, the last one of entity tags"),
    pytest.param(CSV, "csv", id="csv"),
    pytest.param(CSV.replace(",", "\t"), "csv", id="csv with tabs"),
    pytest.param("sep=;\n" + CSV.replace(",", ";"), "csv", id="csv of a spreadsheet"),
    pytest.param("Sentence #,Word,POS,Tag\nSentence: 1,Ama,NNP,B-per\n,sings,VBZ,O\n", "csv", id="csv, Kaggle"),
    pytest.param(JSONL, "jsonl", id="JSON Lines"),
    pytest.param("{broken\n" + JSONL, "jsonl", id="JSON Lines with a broken line"),
    pytest.param(json.dumps(ROWS), "json", id="JSON"),
    pytest.param(json.dumps(ROWS, indent=2), "json", id="JSON over many lines"),
    pytest.param(json.dumps({"features": [], "rows": [{"row_idx": 0, "row": ROWS[0]}]}), "json", id="rows of the Hub"),
    pytest.param(BRAT, "brat", id="brat"),
    pytest.param(b"PAR1\x15\x04", "parquet", id="parquet"),
    pytest.param(arrow(stream=False), "arrow", id="arrow"),
    pytest.param(arrow(stream=True), "arrow", id="arrow stream"),
]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("name", ["a.txt", "a.tsv", "a.csv", "a.conll", "a.jsonl", "a.json", "a.ann", "a.xyz", "a"])
@pytest.mark.parametrize(("content", "expected"), CONTENTS)
def test_the_content_decides_the_format(tmp_path: Path, content: str | bytes, expected: str, name: str) -> None:
    path = write(tmp_path / name, content)
    assert sniff_format(path) == expected
    assert sniff_raw(path) == expected


ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(("content", "expected"), [(CONLL, "conll"), (JSONL, "jsonl"), (CONLLU, "conllu")])
def test_other_encodings_are_recognized(tmp_path: Path, content: str, expected: str, encoding: str) -> None:
    assert sniff_format(write(tmp_path / "a.txt", content.encode(encoding))) == expected


@pytest.mark.parametrize("line_end", ["\r", "\r\n"])
def test_other_line_ends_are_recognized(tmp_path: Path, line_end: str) -> None:
    assert sniff_format(write(tmp_path / "a.csv", CONLL.replace("\n", line_end))) == "conll"


def test_compressed_files_are_recognized(tmp_path: Path) -> None:
    assert sniff_format(write(tmp_path / "a.txt.gz", gzip.compress(JSONL.encode()))) == "jsonl"
    assert sniff_format(write(tmp_path / "b.jsonl.gz", b"no gzip")) == "jsonl"


def test_a_first_row_longer_than_the_head_is_recognized(tmp_path: Path) -> None:
    long = {"tokens": ["word"] * 100_000, "tags": ["O"] * 100_000}
    assert sniff_format(write(tmp_path / "a.txt", json.dumps([long]))) == "json"
    assert sniff_format(write(tmp_path / "b.txt", json.dumps(long) + "\n" + JSONL)) == "jsonl"


def test_a_file_is_sniffed_again_after_it_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", CONLL)
    assert sniff_format(path) == "conll"
    os.utime(write(path, JSONL), ns=(1, 1))
    assert sniff_format(path) == "jsonl"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.conll", "conll"), ("a.jsonl", "jsonl"), ("a.csv", "csv"), ("a.pq", "parquet"), ("a", None)],
)
def test_without_known_content_the_suffix_decides(tmp_path: Path, name: str, expected: str | None) -> None:
    assert sniff_format(write(tmp_path / name, "")) == expected
    assert sniff_format(write(tmp_path / name, "Nothing that is known.\n")) == expected


def test_a_missing_file_has_the_format_of_its_suffix(tmp_path: Path) -> None:
    assert sniff_format(tmp_path / "none.jsonl") == "jsonl"
    assert sniff_format(tmp_path / "folder") is None


TEXTS = {
    "prose": "Ama Mensah sings in Accra. It rains.\nAll came, and O was there.\n",
    "two words per line": "Low tide\nSlow ride\nNo pride\nGrey stone\nAll lone\nLow moan\n",
    "one word per line": "tide\nride\npride\nstone\n\nalone\n",
    "two words in capitals": "STOP NOW\nGO HOME\nSTOP NOW\nGO HOME\n",
    "a refrain": "O ho\nO ho\nrow on\nO ho\n",
    "posts with tabs": "ama\tI saw the harbour today\nkofi\tNo way, it was closed\nama\tOK\n",
    "classes with tabs": "HAM\tSee you at nine then\nSPAM\tWin a free boat now\nHAM\tOn my way home\n",
    "hash marks": "# Heading\n\n#nowplaying a song\n# another one\n",
    "braces": "{laughs} what is this\n{coughs} no idea\n{} nothing\n",
    "brackets": "[1] See the first note.\n[2] See the second one.\n",
    "chat": "<ama> hello\n<kofi> hi there\n<ama> <3 <3\n",
    "hearts": "<3 this song\ni <b>love</b> this\n",
    "numbers": "1. Open the door\n2. Close the door\n3. Go\n",
    "commas": "Well, yes, no\nNo, well, yes\n",
    "a sentence about a text": "The text, the label\nand the rest, of course\n",
    "T1": "T1 is a line\nT2 is another one\n",
    "Chinese": "\u4e0a\u6d77\u4e0b\u96e8\u4e86\u3002\n\u6211\u4eec\u56de\u5bb6\u3002\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_raw_text_is_recognized(tmp_path: Path, text: str) -> None:
    assert sniff_raw(write(tmp_path / "a.txt", text)) == "text"
    assert sniff_raw(write(tmp_path / "b", text.encode("utf-16"))) == "text"


MARKUP = {
    "html": "<!DOCTYPE html>\n<html><body><p>It rains.</p></body></html>\n",
    "html without declaration": "<html>\n<p>It rains.\n",
    "xml": '<?xml version="1.0"?>\n<text><s>It rains.</s></text>\n',
    "documents": '<doc id="1" title="Rain">\nIt rains in Accra.\n</doc>\n',
    "a fragment": "<p>It rains.</p>\n<p>We go home.</p>\n",
}


@pytest.mark.parametrize("text", MARKUP.values(), ids=MARKUP)
def test_markup_is_recognized(tmp_path: Path, text: str) -> None:
    assert sniff_raw(write(tmp_path / "a.txt", text)) == "markup"


@pytest.mark.parametrize(
    ("name", "expected"), [("a.csv", "csv"), ("a.conll", "conll"), ("a.json", "json"), ("a.md", "text")]
)
def test_raw_text_with_the_suffix_of_a_format(tmp_path: Path, name: str, expected: str) -> None:
    assert sniff_raw(write(tmp_path / name, "It rains in Accra.\nWe go home.\n")) == expected


def test_rows_with_texts_are_csv(tmp_path: Path) -> None:
    assert sniff_raw(write(tmp_path / "a.tsv", "id\ttext\tlabel\n1\tIt rains.\tgood\n2\tWe go home.\tbad\n")) == "csv"
