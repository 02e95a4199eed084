"""Files given as raw text: other formats under the name of a text, and line ends and encodings.

``sentences`` are words without tags, joined by blanks; sentences of one word count.
"""

from __future__ import annotations

import json

from tests.helpers.real_files import RealFile

_QUERIES = tuple(
    f"{thing} {state}" for thing in ("plumber", "hotels", "taxi", "flights") for state in ("NY", "TX", "CA")
)
_TWO = ("Omar visits New Accra .", "It rains in the harbour .")

RAW_FILES = (
    RealFile(
        "corpus.txt",
        "Leipzig Corpora Collection: number, tab, sentence",
        "1\tOmar visits New Accra.\n2\tIt rains in the harbour.\n",
        _TWO,
        error="column",
        before="misread",
    ),
    RealFile(
        "tatoeba.tsv",
        "Tatoeba: number, language and sentence",
        "1276\teng\tOmar visits New Accra.\n1277\teng\tIt rains in the harbour.\n",
        _TWO,
        error="column",
        before="misread",
    ),
    RealFile(
        "rows.txt",
        "CSV given as raw text",
        "id,text,label\n1,Omar visits New Accra.,x\n2,It rains in the harbour.,y\n",
        _TWO,
        error="CSV|column",
        before="misread",
    ),
    RealFile(
        "queries.txt",
        "Queries of two words, the second one in capitals",
        "".join(f"{query}\n" for query in _QUERIES),
        _QUERIES,
        before="right",
    ),
    RealFile(
        "gold.txt",
        "CoNLL-2003 given as raw text: each line has four columns, and would be a sentence of four words",
        "-DOCSTART- -X- -X- O\n\nOmar NNP I-NP B-PER\nvisits VBZ I-VP O\nNew NNP I-NP B-LOC\nAccra NNP I-NP I-LOC\n"
        ". . O O\n\n"
        "It PRP I-NP O\nrains VBZ I-VP O\nin IN I-PP O\nthe DT I-NP O\nharbour NN I-NP O\n. . O O\n",
        _TWO,
        error="column|tag",
        before="misread",
    ),
    RealFile(
        "words.txt",
        "A word per line, a blank line between sentences",
        "Omar\nvisits\nNew\nAccra\n.\n\nIt\nrains\nin\nthe\nharbour\n.\n",
        _TWO,
        error="word",
        before="misread",
    ),
    RealFile(
        "rows_of_json.txt",
        "JSON Lines under the name of a text",
        "".join(json.dumps({"text": text}) + "\n" for text in ("Omar visits New Accra.", "It rains in the harbour.")),
        _TWO,
        error="JSON",
        before="misread",
    ),
    RealFile(
        "other_keys.jsonl",
        "JSON Lines of OSCAR and of crawlers: the text has another key",
        "".join(
            json.dumps({"content": text}) + "\n" for text in ("Omar visits New Accra.", "It rains in the harbour.")
        ),
        _TWO,
        error="content",
        before="right",
    ),
    RealFile(
        "page.html",
        "A saved page",
        "<!DOCTYPE html>\n<html><head><title>Rain</title></head>\n<body><p>Omar visits New Accra.</p>\n"
        "<p>It rains in the harbour.</p></body></html>\n",
        error="HTML|markup|XML",
        before="misread",
    ),
    RealFile(
        "muc.txt",
        "MUC and GATE: names marked in the text, which must not become words",
        '<ENAMEX TYPE="PERSON">Omar</ENAMEX> visits <ENAMEX TYPE="LOCATION">New Accra</ENAMEX>.\n'
        '<TIMEX TYPE="DATE">Today</TIMEX> it rains in the harbour.\n',
        error="HTML|markup|XML",
        before="misread",
    ),
    RealFile(
        "film.srt",
        "Subtitles: numbers and times between the lines",
        "1\n00:00:01,000 --> 00:00:02,500\nOmar visits New Accra.\n\n2\n00:00:03,000 --> 00:00:04,000\n"
        "It rains in the harbour.\n",
        _TWO,
        error="subtitle|SRT",
        before="misread",
    ),
    RealFile(
        "notepad.txt",
        "Notepad's `Unicode`: UTF-16 with a byte order mark",
        "Omar visits New Accra.\r\nIt rains in the harbour.\r\n".encode("utf-16"),
        _TWO,
    ),
    RealFile(
        "old_mac.txt",
        "Old Macintosh files: CR alone ends a line",
        b"Omar visits New Accra.\rIt rains in the harbour.\r",
        _TWO,
        before="misread",
    ),
    RealFile(
        "latin_1.txt",
        "Latin-1: which of several encodings it is cannot be known",
        "Omar visits the café.\n".encode("latin-1"),
        error="iconv -f latin1",
        before="right",
    ),
)
