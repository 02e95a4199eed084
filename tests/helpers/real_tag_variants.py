"""Files whose tags, marks and lines differ in detail from those that are usual; the text is invented."""

from __future__ import annotations

import json

from tests.helpers.real_files import RealFile, columns

_OMAR, _RAIN = "Omar/B-PER visits/O Accra/B-LOC", "It/O rains/O"
_MANY = ("Omar/B-PER Okoro/I-PER visits/O Accra/B-LOC", *["It/O rains/O"] * 3)


def _rows(*rows: dict[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


TAG_VARIANTS = (
    RealFile(
        "blank_in_entity.tsv",
        "KLUE-benchmark/KLUE and wannaphong/thai-ner: blanks are rows, also inside of entities",
        "O\tB-PS\nm\tI-PS\n \tI-PS\nr\tI-PS\n \tO\ns\tO\n\nI\tO\nt\tO\n\n",
        ("O/B-PS m/I-PS r/I-PS s/O", "I/O t/O"),
        report=("blank inside an entity, left out", "empty word with tag O"),
    ),
    RealFile(
        "intent_last.txt",
        "LeePleased/StackPropagation-SLU: the intent in the last line of each sentence",
        "fly O\nto O\nAccra B-city\natis_flight\n\nit O\nrains O\natis_weather\n\n",
        ("fly/O to/O Accra/B-city", "it/O rains/O"),
        report=("the last line of each sentence has one column, and is left out",),
    ),
    RealFile(
        "intent_and_a_fault.txt",
        "As above, with a word without a tag in another sentence",
        "fly O\nto O\nAccra B-city\natis_flight\n\n" * 11 + "it\nrains O\natis_weather\n\n",
        ("fly/O to/O Accra/B-city",) * 11,
        report=("skipped", "line without a tag: 1"),
    ),
    RealFile(
        "text_first.tsv",
        "kmounlp/NER: the text, and the text with marks, before the columns of a sentence",
        "; Omar sings\n$<Omar:PER> sings\n1\tOmar\tNNP\tB_PER\n2\tsings\tVV\tO\n3\tnow\tMAG\tO\n\n"
        "; It rains\n$It rains\n1\tIt\tNP\tO\n2\trains\tVV\tO\n3\tnow\tMAG\tO\n\n",
        ("Omar/B-PER sings/O now/O", "It/O rains/O now/O"),
        report=("the first line of each sentence has one column, and is left out", "written as B_TYPE"),
    ),
    RealFile(
        "bare_inside.tsv",
        "kmounlp/NER: I without the type of the entity that it continues",
        columns("Omar/B_PER Okoro/I visits/O Accra/B_LOC", "It/O rains/O"),
        ("Omar/B-PER Okoro/I-PER visits/O Accra/B-LOC", "It/O rains/O"),
        report=("spelled differently from the others",),
        before="misread",
    ),
    RealFile(
        "type_without_prefix.conll",
        "Rifat1493/Bengali-NER: one type has no prefix",
        columns(*_MANY * 3, *["Monday/TIM it/O rains/O"] * 5),
        (*_MANY * 3, *["Monday/B-TIM it/O rains/O"] * 5),
        report=("spelled differently from the others",),
        before="misread",
    ),
    RealFile(
        "not_available.tsv",
        "pandas wrote NA for words outside of entities",
        columns("Omar/B-PER Okoro/I-PER visits/NA", "It/NA rains/NA"),
        ("Omar/B-PER Okoro/I-PER visits/O", "It/O rains/O"),
        report=("B-TYPE and NA",),
        before="misread",
    ),
    RealFile(
        "no_entity.tsv",
        "A name of one's own for words outside of entities",
        columns("Omar/B-PER Okoro/I-PER visits/no_entity", "It/no_entity rains/no_entity"),
        ("Omar/B-PER Okoro/I-PER visits/O", "It/O rains/O"),
        report=("B-TYPE and no_entity",),
        before="misread",
    ),
    RealFile(
        "type_like_prefix.tsv",
        "Types without a prefix whose names look as if they had one",
        columns("write/O to/O omar@x.org/E-MAIL", "It/O rains/O", "see/O x.org/URL"),
        ("write/O to/O omar@x.org/B-E-MAIL", "It/O rains/O", "see/O x.org/B-URL"),
        report=("types without a prefix",),
        before="misread",
    ),
    RealFile(
        "type_like_suffix.tsv",
        "As above, with a suffix",
        columns("take/O retinol/Vitamin-A", "or/O thiamin/Vitamin-B now/O", "or/O ascorbate/Vitamin-C now/O"),
        ("take/O retinol/B-Vitamin-A", "or/O thiamin/B-Vitamin-B now/O", "or/O ascorbate/B-Vitamin-C now/O"),
        report=("types without a prefix",),
        before="misread",
    ),
    RealFile(
        "combined.tsv",
        "OnlpLab/NEMO-Corpus: the tags of the morphemes of a word, combined",
        columns("leOmar/O^S-PER sings/O^O", "Accra/S-LOC weAma/O^S-PER", "It/O rains/O"),
        error="neither entities nor a closed tag set",
        before="misread",
    ),
    RealFile(
        "offsets.tsv",
        "SU-NLP/SUNLP-Twitter-NER-Dataset: offsets into texts that are elsewhere",
        "".join(f"{900 + row}\t{row * 7}\t{row * 7 + 3 + row % 5}\tPERSON\n" for row in range(300)),
        error="found numbers as tags|neither entities|two",
        before="misread",
    ),
    RealFile(
        "named_offsets.tsv",
        "As above, with names",
        "tweet_id\tstart_pos\tend_pos\tentity_type\n"
        + "".join(f"{900 + row}\t{row % 9}\t{row % 9 + 4}\t{('PERSON', 'CITY')[row % 2]}\n" for row in range(40)),
        error="found numbers as tags|where the words should be",
        before="misread",
    ),
    RealFile(
        "nested.txt",
        "SinaLab/ArabicNER: the tags of nested entities in further columns",
        "Ho B-LOC\nUniversity B-ORG B-LOC\nof I-ORG\nHo I-ORG B-LOC\n\nit O\nrains O\n",
        ("Ho/B-LOC University/B-ORG of/I-ORG Ho/I-ORG", "it/O rains/O"),
        report=("the first one kept",),
    ),
    RealFile(
        "text.conll",
        "A sentence that is no column file",
        "Recently, it has rained in the hills above the town of Ho.\n",
        error=r"seem to be text.*data\.unlabeled",
        before="misread",
    ),
    RealFile(
        "licence.conll",
        "Lines of text that is no column file",
        "Permission is granted to read this text\nor to write another one\nif no one wants\nto do so.\nIt rains.\n",
        error=r"seem to be text.*data\.unlabeled",
    ),
    RealFile(
        "document_comments.conll",
        "CoNLL04 and WikiNEuRal: marks of documents with a hash",
        "#doc 5121\nOmar B-PER\nvisits O\nAccra B-LOC\n#doc 5122\nIt O\nrains O\n#DOCSTART\nIt O\nrains O\n",
        (_OMAR, _RAIN, _RAIN),
    ),
    RealFile(
        "documents_and_sentences.csv",
        "gtfintechlab/FiNER-ORD: numbers of documents, and of sentences in them",
        "gold_label,gold_token,doc_idx,sent_idx\nB-PER,Omar,0,0\nO,visits,0,0\nB-LOC,Accra,0,0\nO,It,0,1\nO,rains,0,1\n"
        "O,It,1,0\nO,rains,1,0\n",
        (_OMAR, _RAIN, _RAIN),
        report=("words in column gold_token",),
    ),
    RealFile(
        "misc_name.conllu",
        "ltgoslo/norne: entities in MISC as name=",
        "1\tOmar\tOmar\tPROPN\t_\t_\t2\tnsubj\t_\tname=B-PER\n2\tsings\tsing\tVERB\t_\t_\t0\troot\t_\tname=O\n\n",
        ("Omar/PROPN sings/VERB",),
        report=("misc.name",),
        before="right",
    ),
    RealFile(
        "offsets_of_words.jsonl",
        "dreams-flying/BERT-NER, GENIA: offsets count words",
        _rows(
            {"text": "the cdna , a cdna clone", "label": {"DNA": {"cdna clone": [[4, 6]]}}},
            {"text": "it rains in the hills of Ho", "label": {"LOC": {"Ho": [[6, 7]]}}},
        ),
        ("the/O cdna/O ,/O a/O cdna/B-DNA clone/I-DNA", "it/O rains/O in/O the/O hills/O of/O Ho/B-LOC"),
        report=("offsets of words, converted",),
    ),
)
