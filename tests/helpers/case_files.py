"""Small files of the kinds that people have, and what is right for each: tags, counts, locations, notes, errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nlptrain_runtime.schemes import Span
from tests.helpers.real_files import two_columns


@dataclass(frozen=True)
class CaseFile:
    """A file with the options that it is read with, and what is right for it.

    Attributes:
        name: the path of the file; several cases may have the same one.
        content: its text, or its bytes.
        sentences: what is read, each as ``word/TAG word/TAG``, with tags in IOB2 or plain tags.
        variant: what the options are, for the name of the test.
        data: keys of the configuration.
        others: files that belong to it, by path.
        repaired: the count of each cause.
        skipped: the count of each cause.
        mentions: the count of each placement of a span.
        locations: of causes: where their cases are, as ``FILE:LINE``.
        notes: texts that the notes have.
        error: the pattern of the error that is right.
        scores: those of the entities of a sentence, by its index.
        asked: the types that were looked for in a sentence, by its index.
        rejected: the rejected spans of a sentence, by its index.
    """

    name: str
    content: str | bytes
    sentences: tuple[str, ...] = ()
    variant: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    repaired: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    mentions: Mapping[str, int] = field(default_factory=dict)
    locations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    error: str = ""
    scores: Mapping[int, Mapping[Span, float]] = field(default_factory=dict)
    asked: Mapping[int, frozenset[str]] = field(default_factory=dict)
    rejected: Mapping[int, tuple[Span, ...]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The name of the test."""
        return f"{self.name}-{self.variant}" if self.variant else self.name

    @property
    def counts(self) -> dict[str, Any]:
        """The counts as ``ReadReport.to_json`` has them."""
        counts = {"repaired": self.repaired, "skipped": self.skipped, "mentions": self.mentions}
        return {"sentences": len(self.sentences)} | {name: dict(value) for name, value in counts.items() if value}


_EMPTY_WORD = "empty word with tag O, left out"
_EMPTY_ENTITY = "empty word with a tag"
_NOT_IOB1 = "tag that IOB1 does not allow there"
_NOT_IOB2 = "tag that IOB2 does not allow there"


def _iob1(*, is_converted: bool) -> list[str]:
    """Return 60 sentences with 120 entities in IOB1, one of them wrongly opened by ``B-``; or the same in IOB2."""
    opening = "B" if is_converted else "I"
    place, akan, ama, omar, board = (
        f"Tema/{opening}-LOC",
        f"Akan/{opening}-MISC",
        f"Ama/{opening}-PER Mensah/I-PER",
        f"Omar/{opening}-PER",
        f"Harbour/{opening}-ORG Board/I-ORG",
    )
    subjects = [place] * 38 + [ama] * 22
    objects = [board] * 14 + [akan] * 24 + [omar] * 18 + [ama] * 4
    sentences = [f"{a} visits/O {b} ./O" for a, b in zip(subjects, objects, strict=True)]
    sentences[20] = f"{place} visits/O Akan/B-MISC ./O"  # the mistake
    sentences[59] = f"{ama} Ama/B-PER Mensah/I-PER ./O"  # neighbors of one type, which IOB1 has to separate
    return sentences


def _newswire() -> str:
    """Return a file with the sentences of ``_iob1``, in the four columns of CoNLL-2003."""
    lines = ["-DOCSTART- -X- O O", ""]
    for sentence in _iob1(is_converted=False):
        lines += [*(line.replace("/", " NN O ") for line in sentence.split(" ")), ""]
    return "\n".join(lines) + "\n"


_BROKEN_IOB2 = "The O\nAccra I-LOC\nPort I-LOC\nopens O\n\n" + "Ama B-PER\nMensah I-PER\nsings O\nTema B-LOC\n\n" * 30
_PORT = ("The/O Accra/B-LOC Port/I-LOC opens/O", *("Ama/B-PER Mensah/I-PER sings/O Tema/B-LOC",) * 30)

SCHEMES = (
    CaseFile(
        "iob1_one_slip.conll",
        _newswire(),
        tuple(_iob1(is_converted=True)),
        repaired={_NOT_IOB1: 1},
        locations={_NOT_IOB1: ("iob1_one_slip.conll:119",)},
    ),
    CaseFile(
        "broken_iob2.conll",
        _BROKEN_IOB2.replace(" ", "\t"),
        _PORT,
        repaired={_NOT_IOB2: 1},
        locations={_NOT_IOB2: ("broken_iob2.conll:2",)},
    ),
    CaseFile(
        "broken_iob2.conll",
        _BROKEN_IOB2.replace(" ", "\t"),
        variant="strict",
        data={"strict": True},
        error=r"broken_iob2.conll:2: tag that IOB2 does not allow there: found I-LOC after O; expected B-LOC$",
    ),
    CaseFile(
        "bare_bio.tsv",
        "Chronic\tB\nasthma\tI\nis\tO\ncommon\tO\n.\tO\n\nShe\tO\nhas\tO\ngout\tB\n.\tO\n",
        ("Chronic/B-ENTITY asthma/I-ENTITY is/O common/O ./O", "She/O has/O gout/B-ENTITY ./O"),
        notes=("written as B without a type", "data.entity_type"),
    ),
    CaseFile(
        "bare_bio.tsv",
        "Chronic\tB\nasthma\tI\nis\tO\ncommon\tO\n.\tO\n\nShe\tO\nhas\tO\ngout\tB\n.\tO\n",
        ("Chronic/B-DIS asthma/I-DIS is/O common/O ./O", "She/O has/O gout/B-DIS ./O"),
        variant="entity_type",
        data={"entity_type": "DIS"},
    ),
)

_NEW_ACCRA = ("Omar/B-PER visits/O New/B-LOC Accra/I-LOC", "It/O rains/O")
SPELLINGS = tuple(
    CaseFile(
        name,
        f"Omar {person}\nvisits {outside}\nNew {place}\nAccra {inside}\n\nIt {outside}\nrains {outside}\n",
        _NEW_ACCRA,
        notes=(note,),
    )
    for name, person, place, inside, outside, note in (
        ("underscore.conll", "B_PER", "B_LOC", "I_LOC", "O", "IOB2, written as B_TYPE"),
        ("suffix.conll", "PER-B", "LOC-B", "LOC-I", "O", "IOB2, written as TYPE-B"),
        ("colon.conll", "B:PER", "B:LOC", "I:LOC", "O", "IOB2, written as B:TYPE"),
        ("brackets.conll", "(PER*)", "(LOC*", "*)", "*", "brackets, (TYPE* *)"),
        ("io_only.conll", "PER", "LOC", "LOC", "O", "IO, types without a prefix"),
        ("bmewo.conll", "W-PER", "B-LOC", "E-LOC", "O", "IOBES, written as BMEWO"),
    )
) + (
    CaseFile(
        "lower.conll",
        "Omar b-per\nvisits o\nNew b-loc\nAccra i-loc\n\nIt o\nrains o\n",
        ("Omar/B-per visits/O New/B-loc Accra/I-loc", "It/O rains/O"),
        notes=("IOB2, written as b-TYPE and o",),
    ),
)

_HIPE = (
    "TOKEN\tNE-COARSE-LIT\tNE-COARSE-METO\tNE-FINE-LIT\tNE-NESTED\tNEL-LIT\tMISC\n"
    "# language = de\n# newspaper = XYZ\n# date = 1888-01-03\n"
    "Herr\tO\tO\tO\tO\t_\t_\nAmsler\tB-pers\tO\tB-pers.ind\tO\tQ1\tNoSpaceAfter\n"
    ",\tO\tO\tO\tO\t_\t_\nBern\tB-loc\tO\tB-loc.adm.town\tO\tQ2\tEndOfLine\n\n"
)
_CONLLU = (
    "# sent_id = s1\n# text = Omar visits Accra.\n"
    "1\tOmar\tOmar\tPROPN\t_\t_\t2\tnsubj\t_\tNER=B-PER\n2\tvisits\tvisit\tVERB\t_\t_\t0\troot\t_\tNER=O\n"
    "3\tAccra\tAccra\tPROPN\t_\t_\t2\tobj\t_\tNER=B-LOC|SpaceAfter=No\n4\t.\t.\tPUNCT\t_\t_\t2\tpunct\t_\t_\n\n"
)

COLUMNS = (
    CaseFile(
        "index_first_ner_last.conll",
        "1 Omar NNP I-NP I-PER\n2 visits VBZ I-VP O\n3 Accra NNP I-NP I-LOC\n4 . . O O\n\n"
        "1 It PRP I-NP O\n2 rains VBZ I-VP O\n",
        ("Omar/B-PER visits/O Accra/B-LOC ./O", "It/O rains/O"),
        notes=("words in column 2, tags in column 5, by their values (data.columns)",),
    ),
    CaseFile(
        "tagfirst.bio",
        "B-Rating\t5\nI-Rating\tstar\nO\thotels\nB-Location\tdowntown\n\nO\twhere\nO\tnow\n",
        ("5/B-Rating star/I-Rating hotels/O downtown/B-Location", "where/O now/O"),
        notes=("words in column 2, tags in column 1, by their values (data.columns)",),
    ),
    CaseFile("hipe.tsv", _HIPE, error=two_columns("NE-COARSE-LIT", "NE-FINE-LIT")),
    CaseFile(
        "hipe.tsv",
        _HIPE,
        ("Herr/O Amsler/B-pers ,/O Bern/B-loc",),
        variant="stated",
        data={"columns": {"tags": "NE-COARSE-LIT"}},
        notes=("line 1 is a header (TOKEN, NE-COARSE-LIT, NE-COARSE-METO, NE-FINE-LIT, NE-NESTED, NEL-LIT, MISC)",),
    ),
    CaseFile(
        "neconllu_misc.conllu",
        _CONLLU,
        ("Omar/PROPN visits/VERB Accra/PROPN ./PUNCT",),
        notes=("tags are UPOS; MISC has NER= for 3 words (data.columns.tags: misc.NER)",),
    ),
    CaseFile(
        "neconllu_misc.conllu",
        _CONLLU,
        ("Omar/B-PER visits/O Accra/B-LOC ./O",),
        variant="misc.NER",
        data={"columns": {"tags": "misc.NER"}},
    ),
    CaseFile(
        "simpletransformers.csv",
        "sentence_id,words,labels\n0,Omar,B-PER\n0,visits,O\n1,It,O\n",
        ("Omar/B-PER visits/O", "It/O"),
    ),
    CaseFile("excel_sep.csv", "sep=;\r\nsentence_id;word;tag\r\n1;Omar;B-PER\r\n", ("Omar/B-PER",)),
)

_HEART = "hello\tO\n\u2764\ufe0f\tO\n \tO\n\tO\nAccra\tB-LOC\n\nbye\tO\n"

LINES = (
    CaseFile(
        "empty_word.conll",
        _HEART,
        ("hello/O \u2764\ufe0f/O Accra/B-LOC", "bye/O"),
        repaired={_EMPTY_WORD: 2},
        locations={_EMPTY_WORD: ("empty_word.conll:3", "empty_word.conll:4")},
    ),
    CaseFile(
        "empty_word.conll",
        _HEART,
        variant="strict",
        data={"strict": True},
        error=f"^.*empty_word.conll:3: {_EMPTY_WORD}\n.*empty_word.conll:4: {_EMPTY_WORD}$",
    ),
    CaseFile(
        "empty_word.conll",
        _HEART.replace("\n\tO", "\n\tB-LOC"),
        ("bye/O",),
        variant="with an entity",
        repaired={_EMPTY_WORD: 1},
        skipped={_EMPTY_ENTITY: 1},
        locations={_EMPTY_ENTITY: ("empty_word.conll:4",)},
    ),
    CaseFile(
        "empty_word.conll",
        _HEART.replace("\n\tO", "\n\tB-LOC"),
        variant="with an entity, strict",
        data={"strict": True},
        error=f"empty_word.conll:4: {_EMPTY_ENTITY}: found the tag 'B-LOC' without a word",
    ),
    CaseFile(
        "id_domain_tab.conll",
        "# id 11aa22bb-0001\tdomain=xx\nthe _ _ O\nold _ _ B-CW\nharbour _ _ I-CW\n\n"
        "# id 11aa22bb-0002\tdomain=xx\nit _ _ O\nrained _ _ O\n",
        ("the/O old/B-CW harbour/I-CW", "it/O rained/O"),
    ),
    CaseFile("cr_only.conll", "Omar B-PER\rvisits O\r\rIt O\r", ("Omar/B-PER visits/O", "It/O")),
)

COLUMN_CASES = (*SCHEMES, *SPELLINGS, *COLUMNS, *LINES)
