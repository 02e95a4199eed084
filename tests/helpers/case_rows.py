"""Small files with marked texts, as annotation tools, language models and data sets have them."""

from __future__ import annotations

import json

from nlptrain_runtime.schemes import Span
from tests.helpers.case_files import CaseFile

_TWICE = "span that is there twice, merged"
_OVERLAPS = "span that overlaps another entity, left out"
_CUTS = "span that cuts a word"
_OUTSIDE = "span outside of the text, left out"

_OMAR = "Omar Okoro visits New Accra."
_MIDWORD = '{"text": "Paid 200mg to Dr.Holm", "label": [[5, 8, "NUM"], [8, 10, "UNIT"], [17, 21, "PER"]]}\n'
_HOLM = "Paid/O 200mg/O to/O Dr/O ./O Holm/B-PER"
_LEFT_OUT = {f"{_CUTS}, left out": 2}

MIDWORD = (
    CaseFile(
        "midword2.jsonl",
        _MIDWORD,
        ("Paid/O 200mg/B-NUM to/O Dr/O ./O Holm/B-PER",),
        repaired={f"{_CUTS}, expanded": 2, _OVERLAPS: 1},
        mentions={"exact": 1, "expanded": 1, "overlap": 1},
        locations={f"{_CUTS}, expanded": ("midword2.jsonl:1", "midword2.jsonl:1")},
    ),
    CaseFile(
        "midword2.jsonl",
        _MIDWORD,
        ("Paid/O 200mg/B-NUM to/O Dr/O ./O Holm/B-PER",),
        variant="expand",
        data={"align": "expand"},
        repaired={f"{_CUTS}, expanded": 2, _OVERLAPS: 1},
        mentions={"exact": 1, "expanded": 1, "overlap": 1},
    ),
    CaseFile(
        "midword2.jsonl",
        _MIDWORD,
        (_HOLM,),
        variant="contract",
        data={"align": "contract"},
        repaired=_LEFT_OUT,
        mentions={"exact": 1, "lost": 2},
    ),
    CaseFile(
        "midword2.jsonl",
        _MIDWORD,
        ("Paid/O 200/B-NUM mg/B-UNIT to/O Dr/O ./O Holm/B-PER",),
        variant="split",
        data={"align": "split"},
        repaired={"word that a span cuts, split": 2},
        mentions={"exact": 1, "split": 2},
    ),
    CaseFile(
        "midword2.jsonl",
        _MIDWORD,
        (_HOLM,),
        variant="skip",
        data={"align": "skip"},
        repaired=_LEFT_OUT,
        mentions={"exact": 1, "lost": 2},
    ),
    CaseFile(
        "midword2.jsonl",
        _MIDWORD,
        variant="strict",
        data={"align": "strict"},
        error=r"1 skipped: span that cuts a word\)(.|\n)*midword2.jsonl:1: NUM '200' \(5-8\) cuts the word '200mg'",
    ),
    CaseFile(
        "midword2.jsonl",
        _MIDWORD + '{"text": "It rains", "label": []}\n',
        ("It/O rains/O",),
        variant="strict, in another sentence",
        data={"align": "strict"},
        skipped={_CUTS: 1},
    ),
)

_THAI = (("ส ม ช า ย", "PER"), ("ไ ป", ""), ("ก รุ ง เ ท พ", "LOC"), ("เ มื่ อ ว า น", ""))
_THAI_TEXT = "".join(words for words, _ in _THAI).replace(" ", "")
_THAI_LETTERS = " ".join(
    f"{letter}/{('I-' if index else 'B-') + label if label else 'O'}"
    for letters, label in _THAI
    for index, letter in enumerate(letters.split(" "))
)

TOOLS = (
    CaseFile(
        "dup_overlap.jsonl",
        '{"text": "1 out of 10.", "labels": [[9, 11, "NUM"], [9, 11, "NUM"]]}\n',
        ("1/O out/O of/O 10/B-NUM ./O",),
        repaired={_TWICE: 1},
        mentions={"exact": 1, "duplicate": 1},
    ),
    CaseFile(
        "trailing_space.jsonl",
        json.dumps({"text": _OMAR, "label": [[0, 11, "PER"]]}) + "\n",
        ("Omar/B-PER Okoro/I-PER visits/O New/O Accra/O ./O",),
        repaired={"span that begins or ends with blanks, trimmed": 1},
        mentions={"trimmed": 1},
    ),
    CaseFile(
        "thai.jsonl",
        json.dumps({"text": _THAI_TEXT, "label": [[0, 5, "PER"], [7, 14, "LOC"]]}) + "\n",
        (_THAI_LETTERS,),  # without a segmenter, each letter is a word, so that no mark cuts one
        mentions={"exact": 2},
    ),
    CaseFile(
        "brat/b_newline.ann",
        "T1\tORG 4 13;14 27\told Accra Harbour Board\n",
        ("The/O old/B-ORG Accra/I-ORG Harbour/I-ORG Board/I-ORG met/O ./O",),
        others={"brat/b_newline.txt": "The old Accra\nHarbour Board met.\n"},
        mentions={"exact": 1},
    ),
    CaseFile(
        "hf_strings.jsonl",
        '{"id": "0", "tokens": ["Omar", "visits"], "ner_tags": ["B-PER", "O"]}\n',
        ("Omar/B-PER visits/O",),
    ),
    CaseFile(
        "gliner.json",
        '[{"tokenized_text": ["Omar", "Okoro", "visits", "Accra"], "ner": [[0, 1, "person"], [3, 3, "city"]]}]',
        ("Omar/B-person Okoro/I-person visits/O Accra/B-city",),
    ),
)

_OLD_DOCCANO = json.dumps(
    {
        "id": 1,
        "text": _OMAR,
        "annotations": [{"id": 1, "label": 2, "start_offset": 0, "end_offset": 10, "user": 1}],
        "meta": {},
    }
)


def _hypertext(*values: dict[str, object]) -> str:
    """Return an export of Label Studio with a text and these regions of HyperText."""
    place = {"start": "/div[1]/p[1]/text()[1]", "end": "/div[1]/p[1]/text()[1]"}
    result = [{"value": {**place, **value}, "type": "hypertextlabels"} for value in values]
    annotation = {"id": 1, "result": result, "was_cancelled": False, "ground_truth": False}
    return json.dumps([{"id": 1, "data": {"text": _OMAR}, "annotations": [annotation], "predictions": []}])


_WITH_GLOBAL = {
    "startOffset": 0,
    "endOffset": 10,
    "globalOffsets": {"start": 0, "end": 10},
    "text": "Omar Okoro",
    "hypertextlabels": ["PER"],
}
HYPERTEXT_WITHOUT_GLOBAL = _hypertext(_WITH_GLOBAL, {"startOffset": 18, "endOffset": 27, "hypertextlabels": ["LOC"]})
_PER = ("Omar/B-PER Okoro/I-PER visits/O New/O Accra/O ./O",)


def _decision(start: int, end: int, label: str, decision: str) -> str:
    row = {"text": _OMAR, "spans": [{"start": start, "end": end, "label": label}], "answer": decision}
    return json.dumps(row) + "\n"


EXPORTS = (
    CaseFile("doccano_old_ids.jsonl", _OLD_DOCCANO, error=r"data\.tag_names"),
    CaseFile(
        "doccano_old_ids.jsonl",
        _OLD_DOCCANO,
        _PER,
        variant="tag_names",
        data={"tag_names": {"2": "PER"}},
        mentions={"exact": 1},
    ),
    CaseFile("ls_hypertext.json", _hypertext(_WITH_GLOBAL), _PER, mentions={"exact": 1}),
    CaseFile(
        "prodigy_binary.jsonl",
        _decision(0, 10, "PER", "accept") + _decision(18, 27, "LOC", "accept") + _decision(11, 17, "LOC", "reject"),
        ("Omar/B-PER Okoro/I-PER visits/O New/B-LOC Accra/I-LOC ./O",),
        mentions={"exact": 2},
        asked={0: frozenset()},
        rejected={0: (Span("LOC", 2, 3),)},
    ),
)

_SPANS = "".join(
    json.dumps({"text": text, "entities": entities}) + "\n"
    for text, entities in (
        (
            "Ama Mensah left Accra for Tema on Friday.",
            [
                {"start": 0, "end": 10, "label": "PERSON", "score": 0.97},
                {"start": 16, "end": 21, "label": "PLACE", "score": 0.88},
                {"start": 26, "end": 30, "label": "PLACE", "score": 0.41},
            ],
        ),
        ("The Harbour Board's chair spoke.", [{"start": 4, "end": 19, "label": "ORG", "score": 0.7}]),
        ("Kofi met Kofi Annan.", [{"text": "Kofi Annan", "label": "PERSON"}, {"text": "Kofi", "label": "PERSON"}]),
        ("Nothing here.", []),
        (
            "Ama saw Old Accra Town Hall.",
            [{"start": 8, "end": 17, "label": "PLACE"}, {"start": 8, "end": 27, "label": "ORG"}],
        ),
        ("Paid 200mg.", [{"start": 5, "end": 8, "label": "QUANTITY"}]),
        ("Ama called.", [{"start": 0, "end": 30, "label": "PERSON"}]),
    )
)


def _chat(user: str, reply: str, *, system: str = "") -> str:
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": "user", "content": user}, {"role": "assistant", "content": reply}]
    return json.dumps({"messages": messages}) + "\n"


MODELS = (
    CaseFile(
        "llm_spans.jsonl",
        _SPANS,
        (
            "Ama/B-PERSON Mensah/I-PERSON left/O Accra/B-PLACE for/O Tema/B-PLACE on/O Friday/O ./O",
            "The/O Harbour/B-ORG Board/I-ORG 's/I-ORG chair/O spoke/O ./O",
            "Kofi/B-PERSON met/O Kofi/B-PERSON Annan/I-PERSON ./O",
            "Nothing/O here/O ./O",
            "Ama/O saw/O Old/B-ORG Accra/I-ORG Town/I-ORG Hall/I-ORG ./O",
            "Paid/O 200mg/B-QUANTITY ./O",
            "Ama/O called/O ./O",
        ),
        repaired={_OVERLAPS: 1, f"{_CUTS}, expanded": 1, _OUTSIDE: 1},
        mentions={"exact": 7, "overlap": 1, "expanded": 1, "lost": 1},
        locations={
            _OVERLAPS: ("llm_spans.jsonl:5",),
            f"{_CUTS}, expanded": ("llm_spans.jsonl:6",),
            _OUTSIDE: ("llm_spans.jsonl:7",),
        },
        scores={
            0: {Span("PERSON", 0, 2): 0.97, Span("PLACE", 3, 4): 0.88, Span("PLACE", 5, 6): 0.41},
            1: {Span("ORG", 1, 4): 0.7},
        },
    ),
    CaseFile(
        "llm_spans.jsonl",
        _SPANS,
        variant="strict",
        data={"strict": True},
        error=f"(?s)llm_spans.jsonl:5: {_OVERLAPS}.*llm_spans.jsonl:6: {_CUTS}.*llm_spans.jsonl:7: {_OUTSIDE}",
    ),
    CaseFile(
        "llm_chat.jsonl",
        _chat(
            "Ama Mensah left Accra.",
            '```json\n[{"entity": "Ama Mensah", "type": "person"}, {"entity": "Accra", "type": "city"}]\n```',
            system="Find people and cities.",
        )
        + _chat(
            "It rains in Tema.",
            'Here you go: [{"entity": "tema", "type": "city"}, {"entity": "Kumasi", "type": "city"}]',
        ),
        ("Ama/B-person Mensah/I-person left/O Accra/B-city ./O", "It/O rains/O in/O Tema/B-city ./O"),
        repaired={
            "span whose text has other upper and lower case, found": 1,
            "span whose text was not found, left out": 1,
        },
        mentions={"exact": 2, "case": 1, "lost": 1},
    ),
)

ROW_CASES = (*MIDWORD, *TOOLS, *EXPORTS, *MODELS)
