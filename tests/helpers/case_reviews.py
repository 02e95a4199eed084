"""Small files that looked right and were read wrongly, or refused without need, when the readers were reviewed."""

from __future__ import annotations

from tests.helpers.case_files import CaseFile
from tests.helpers.real_files import columns, two_columns

_OMAR, _RAIN = "Omar/B-PER Okoro/I-PER sings/O ./O", "It/O rains/O"
_BOTH = (_OMAR, _RAIN)
_UNREADABLE, _NO_TAG = "tag that cannot be read", "line without a tag"
_BY_VALUES = "words in column {}, tags in column {}, by their values (data.columns)"


def _spelled(name: str, person: str, inside: str, outside: str, note: str, label: str = "PER") -> CaseFile:
    """Return a file of two sentences whose tags are spelled in this way."""
    lines = f"Omar {person}\nOkoro {inside}\nsings {outside}\n. {outside}\n\nIt {outside}\nrains {outside}\n\n"
    return CaseFile(name, lines, tuple(text.replace("PER", label) for text in _BOTH), notes=(note,))


SPELLINGS = (
    _spelled(
        "quotes.conll", '"B-PER"', '"I-PER"', '"O"', "written as B-TYPE, in quotes, in brackets or before a comma"
    ),
    _spelled("square.conll", "[B-PER]", "[I-PER]", "O", "written as B-TYPE, in quotes, in brackets or before a comma"),
    _spelled("commas.conll", "B-PER,", "I-PER,", "O,", "written as B-TYPE, in quotes, in brackets or before a comma"),
    _spelled("begin.conll", "Begin-PER", "Inside-PER", "O", "written as Begin-TYPE"),
    _spelled("bare_begin.conll", "BEGIN", "INSIDE", "OUTSIDE", "data.entity_type", "ENTITY"),
    _spelled("bare_dash.conll", "B-", "I-", "O", "data.entity_type", "ENTITY"),
    CaseFile(
        "bare_typing_error.conll",
        columns(*("Omar/B sings/O",) * 20, "It/X rains/O", separator=" "),
        ("Omar/B-ENTITY sings/O",) * 20,
        skipped={_UNREADABLE: 1},
        locations={_UNREADABLE: ("bare_typing_error.conll:61",)},
        notes=("written as B without a type",),
    ),
    CaseFile(
        "several_entities.tsv",  # nested entities, joined in one cell: "LOC|B-ORG" is no type
        columns(*("Omar/B-PER sings/O",) * 5, "Accra/B-LOC|B-ORG"),
        ("Omar/B-PER sings/O",) * 5,
        skipped={_UNREADABLE: 1},
    ),
    CaseFile(
        "address.conll",  # types without a prefix, though most words are in entities
        columns(*("12/number Main/street Road/street please/O",) * 20, separator=" "),
        ("12/B-number Main/B-street Road/I-street please/O",) * 20,
        notes=("IO, types without a prefix",),
    ),
    CaseFile(
        "stated_iob1.conll",
        columns(*("Omar/NP Okoro/NP rains/VP ./O",) * 5, separator=" "),
        ("Omar/B-NP Okoro/I-NP rains/B-VP ./O",) * 5,
        data={"scheme": "iob1"},
        notes=("IO, types without a prefix",),
    ),
    CaseFile(
        "zeros.conll", columns("It/0 rains/0", separator=" "), ("It/O rains/O",), notes=("written as B-TYPE and 0",)
    ),
    CaseFile(
        "types_in_two_cases.conll",
        columns("Omar/B-PER sings/O", "Ama/B-per sings/O", separator=" "),
        ("Omar/B-PER sings/O", "Ama/B-per sings/O"),
        notes=("types that differ only in case: PER, per",),
    ),
    CaseFile(
        "lemmas.tsv",
        columns(*(f"w{index}/v{index} the/the ./." for index in range(400))),
        error=r"402 different tags among 1,200 words(.|\n)*data\.columns\.tags",
    ),
)

_QUIET = ("It/PRP/{} rains/VBZ/{} ./PCT/{}",) * 40
_SINGER = "Omar/NNP/B-PER Okoro/NNP/I-PER sings/VBZ/{} ././{}"
_SPARSE = (*("It/O rains/O ./O",) * 40, _OMAR)
_ONTONOTES = """#begin document (xx); part 000
xx 0 0 Omar NNP (TOP(S(NP* - - - Ama (PERSON* (ARG0* (12
xx 0 1 Okoro NNP *) - - - Ama *) *) 12)
xx 0 2 sings VBZ (VP*)) sing 01 1 Ama * (V*) -

xx 0 0 It PRP (TOP(S(NP*) - - - Ama * -
xx 0 1 rains VBZ (VP* - - - Ama * -
xx 0 2 in IN (PP* - - - Ama * -
xx 0 3 Accra NNP (NP*)))) - - - Ama (GPE) -

#end document
"""

COLUMNS = (
    CaseFile(
        "sparse_underscore.conll",  # 95 % of the tags mean that there is none
        columns(*(line.replace("{}", "_") for line in (*_QUIET, _SINGER)), separator=" "),
        _SPARSE,
        notes=("written as B-TYPE and _",),
    ),
    CaseFile(
        "sparse_brackets.conll",
        columns(
            *(line.replace("{}", "*") for line in _QUIET),
            "Omar/NNP/(PER* Okoro/NNP/*) sings/VBZ/* ./PCT/*",
            separator=" ",
        ),
        _SPARSE,
        notes=("brackets, (TYPE* *)",),
    ),
    CaseFile(
        "chunks_without_entities.conll",
        columns("It/PRP/B-NP/O rains/VBZ/B-VP/O", separator=" "),
        ("It/O rains/O",),
    ),
    CaseFile(
        "german_chunks.conll",
        columns("Omar/NE/I-NC/I-PER singt/VVFIN/I-VC/O in/APPR/I-PC/O Accra/NE/I-NC/I-LOC", separator=" "),
        ("Omar/B-PER singt/O in/O Accra/B-LOC",),
    ),
    CaseFile("ontonotes.conll", _ONTONOTES, error=two_columns(6, 11)),
    CaseFile(
        "ontonotes.conll",  # a column for each predicate of the sentence
        _ONTONOTES,
        ("Omar/B-PERSON Okoro/I-PERSON sings/O", "It/O rains/O in/O Accra/B-GPE"),
        variant="stated",
        data={"columns": {"words": 4, "tags": 11}},
    ),
    CaseFile(
        "ambiguous_short_line.conll",  # the chunk is missing, or the tag
        columns(*("Omar/NNP/I-NP/I-PER ././O/O",) * 5, "Accra/NNP/O ././O/O", separator=" "),
        ("Omar/B-PER ./O",) * 5,
        skipped={_NO_TAG: 1},
    ),
    CaseFile(
        "numbered_words.tsv",
        columns("t1/Omar/B-PER t2/sings/O", "t1/It/O t2/rains/O"),
        ("Omar/B-PER sings/O", _RAIN),
        notes=(_BY_VALUES.format(2, 3),),
    ),
    CaseFile(
        "offsets.tsv",
        columns("0/4/Omar/B-PER 5/10/sings/O", "11/13/It/O 14/19/rains/O"),
        ("Omar/B-PER sings/O", _RAIN),
        notes=(_BY_VALUES.format(3, 4),),
    ),
    CaseFile(
        "parts_of_speech_first.tsv",
        columns(*("NOUN/dogs VERB/run", "PRON/it VERB/rains") * 3),
        ("dogs/NOUN run/VERB", "it/PRON rains/VERB") * 3,
        notes=(_BY_VALUES.format(2, 1),),
    ),
    CaseFile(
        "spaces.conllu",
        columns(*("1/Omar/Omar/PROPN/_/_/2/nsubj/_/_ 2/sings/sing/VERB/_/_/0/root/_/_",) * 2, separator="  "),
        ("Omar/PROPN sings/VERB",) * 2,
        notes=(_BY_VALUES.format(2, 4),),
    ),
    CaseFile(
        "webanno.tsv",
        "#FORMAT=WebAnno TSV 3.2\n\n#Text=Omar sings\n1-1\t0-4\tOmar\tPER[1]\n1-2\t5-10\tsings\t_\n",
        error="WebAnno TSV.*export as CoNLL 2002",
    ),
    CaseFile(
        "sentence_per_line.tsv",
        "Omar visits Accra\tB-PER O B-LOC\nIt rains here\tO O O\n",
        error=r"sentence_per_line.tsv:1: found a sentence in a line",
    ),
    CaseFile(
        "no_blank_lines.conll",
        "Omar B-PER\nsings O\n" * 501,
        ("Omar/B-PER sings/O " * 500 + "Omar/B-PER sings/O",),
        notes=("a sentence of 1,002 words; check that a blank line or an id separates sentences",),
    ),
    CaseFile(
        "misc_key.conllu",
        columns("1/Omar/_/PROPN/_/_/0/root/_/NER=B-PER 2/sings/_/VERB/_/_/1/x/_/_"),
        data={"columns": {"tags": "misc.Ner"}},
        error=r"found no Ner= in MISC; data\.columns\.tags: misc\.NER",
    ),
)

TABLES = (
    CaseFile(
        "without_header.csv",
        "1,Omar,B-PER\n1,sings,O\n2,It,O\n2,rains,O\n3,Accra,B-LOC\n3,waits,O\n",
        ("Omar/B-PER sings/O", _RAIN, "Accra/B-LOC waits/O"),
        notes=("the first line is no header",),
    ),
    CaseFile(
        "joined.csv",
        "sentence_id,word,tag\n1,Omar,B-PER\n1,sings,O\nsentence_id,word,tag\n2,It,O\n2,rains,O\n",
        ("Omar/B-PER sings/O", _RAIN),
        repaired={"header that occurs again, left out": 1},
        locations={"header that occurs again, left out": ("joined.csv:4",)},
    ),
)

REVIEWED_CASES = (*SPELLINGS, *COLUMNS, *TABLES)
