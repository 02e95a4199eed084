"""Column files: marks of documents and sentences, index columns, and several columns of tags."""

from __future__ import annotations

from tests.helpers.real_files import RealFile, columns, two_columns

_VISIT = "Omar/B-PER Okoro/I-PER visits/O New/B-LOC Accra/I-LOC"
_RAIN = "It/O rains/O"
BOTH = (_VISIT, _RAIN)

COLUMN_FILES = (
    RealFile(
        "dutch_docstart.conll",
        "flairNLP/flair #2060: in the Dutch files of CoNLL-2002, the mark of a document has no blank line after it",
        "-DOCSTART- -DOCSTART- O\n" + columns("Omar/N/B-PER visits/V/O New/N/B-LOC Accra/N/I-LOC", separator=" "),
        ("Omar/B-PER visits/O New/B-LOC Accra/I-LOC",),
        before="right",
    ),
    RealFile(
        "aida_docstart.tsv",
        "AIDA-CoNLL and scripts after it: `-DOCSTART- (1 EU)` in a file with tabs",
        "-DOCSTART- (7 Accra)\n" + columns(*BOTH),
        BOTH,
        before="right",
    ),
    RealFile(
        "nkjp_docstart.iob",
        "NKJP in PolDeepNer: `-DOCSTART FILE name`, without a dash at the end",
        "-DOCSTART CONFIG FEATURES orth base\n\n-DOCSTART FILE doc1.xml\n"
        + columns("Omar/omar/B-persName visits/visit/O", "It/it/O rains/rain/O"),
        ("Omar/B-persName visits/O", _RAIN),
    ),
    RealFile(
        "jnlpba.iob2",
        "JNLPBA (Genia4ERtask2.iob2): the number of a document as a line of its own",
        "###MEDLINE:90000001\n\n" + columns("OKR-2/B-DNA gene/I-DNA expression/O", "###MEDLINE:90000002", _RAIN),
        ("OKR-2/B-DNA gene/I-DNA expression/O", _RAIN),
    ),
    RealFile(
        "germeval.tsv",
        "GermEval 2014: a comment with a tab, an index, and two columns of tags (outer and nested)",
        "#\thttp://example.org/Omar [2009-10-17]\n"
        + columns(
            "1/Omar/B-PER/O 2/visits/O/O 3/New/B-ORG/B-LOC 4/Accra/I-ORG/I-LOC 5/United/I-ORG/O", "1/Tema/B-LOC/O"
        ),
        error=two_columns(3, 4),
        before="refused",
    ),
    RealFile(
        "germeval_outer.tsv",
        "GermEval 2014, with the column of the outer tags given",
        "#\thttp://example.org/Omar [2009-10-17]\n"
        + columns(
            "1/Omar/B-PER/O 2/visits/O/O 3/New/B-ORG/B-LOC 4/Accra/I-ORG/I-LOC 5/United/I-ORG/O", "1/Tema/B-LOC/O"
        ),
        ("Omar/B-PER visits/O New/B-ORG Accra/I-ORG United/I-ORG", "Tema/B-LOC"),
        report=("words in column 2",),
        data={"columns": {"tags": 3}},
        before="refused",
    ),
    RealFile(
        "uner.iob2",
        "Universal NER: comments, an index, the tags in the third column, then `-` and the annotator",
        "# sent_id = s1\n# text = Omar visits New Accra\n"
        + columns(
            "1/Omar/B-PER/-/annotator1 2/visits/O/-/annotator1 3/New/B-LOC/-/annotator1 4/Accra/I-LOC/-/annotator1"
        )
        + "# sent_id = s2\n# text = It rains\n"
        + columns("1/It/O/-/annotator1 2/rains/O/-/annotator1"),
        ("Omar/B-PER visits/O New/B-LOC Accra/I-LOC", _RAIN),
        report=("words in column 2",),
        before="misread",
    ),
    RealFile(
        "neuronlp2.txt",
        "XuezheMax/NeuroNLP2 #14: an index that rises through the whole file, no blank line, IOB1",
        columns(
            "1/Omar/NNP/I-NP/I-PER 2/visits/VBZ/I-VP/O 3/New/NNP/I-NP/I-LOC 4/Accra/NNP/I-NP/I-LOC 5/./SYM/O/O"
            " 6/Ama/NNP/I-NP/I-PER 7/sings/VBZ/I-VP/O",
            separator=" ",
        ),
        ("Omar/B-PER visits/O New/B-LOC Accra/I-LOC ./O Ama/B-PER sings/O",),
        report=("words in column 2",),
        before="misread",
    ),
    RealFile(
        "ontonotes_v4_gold.conll",
        "OntoNotes in CoNLL-2012: `#begin document`, names in brackets, a column of coreference at the end",
        "#begin document (bc/xy/00/xy_0000); part 000\n"
        "bc/xy/00/xy_0000  0  0  Omar    NNP  (TOP(S(NP*  -      -  -  Sp1  (PERSON*  (ARG0*  (0\n"
        "bc/xy/00/xy_0000  0  1  Okoro   NNP  *)          -      -  -  Sp1  *)        *)      0)\n"
        "bc/xy/00/xy_0000  0  2  visits  VBZ  (VP*        visit  01 1  Sp1  *         (V*)    -\n"
        "bc/xy/00/xy_0000  0  3  Accra   NNP  (NP*))))    -      -  -  Sp1  (GPE)     (ARG1*) (1)\n"
        "\n#end document\n",
        ("Omar/B-PERSON Okoro/I-PERSON visits/O Accra/B-GPE",),
        data={"columns": {"words": 4, "tags": 11}},
        report=("brackets",),
    ),
    RealFile(
        "lst20.txt",
        "LST20 (Thai): `B_`, `I_`, `E_`, no prefix for single words, clauses in the last column, `_` for a space",
        columns("สมชาย/NN/B_PER/B_CLS ไป/VV/O/I_CLS _/PU/O/I_CLS กรุงเทพ/NN/B_LOC/I_CLS มหานคร/NN/E_LOC/E_CLS"),
        ("สมชาย/B-PER ไป/O _/O กรุงเทพ/B-LOC มหานคร/I-LOC",),
        data={"columns": {"tags": 3}},
        before="misread",
        report=("B_TYPE",),
    ),
    RealFile(
        "lst20_two_tags.txt",
        "LST20 (Thai) without a key: names and clauses are both tags",
        columns("สมชาย/NN/B_PER/B_CLS ไป/VV/O/I_CLS กรุงเทพ/NN/B_LOC/I_CLS มหานคร/NN/E_LOC/E_CLS"),
        error=two_columns(3, 4),
        before="misread",
    ),
    RealFile(
        "klue_ner.tsv",
        "KLUE-NER (Korean): characters, comments with `##` and a tab, a blank as the word of a line",
        "## klue-ner-v1_000000-xy\t<오마르:PS> 간다\n" + "오\tB-PS\n마\tI-PS\n르\tI-PS\n \tO\n간\tO\n다\tO\n\n",
        ("오/B-PS 마/I-PS 르/I-PS 간/O 다/O",),
        report=("empty word",),
    ),
    RealFile(
        "resume.char.bmes",
        "Resume NER (Chinese): characters with `B-`, `M-`, `E-` and `S-`",
        columns("王/B-NAME 小/M-NAME 明/E-NAME 去/O 京/S-LOC", "下/O 雨/O", separator=" "),
        ("王/B-NAME 小/I-NAME 明/I-NAME 去/O 京/B-LOC", "下/O 雨/O"),
        data={"format": "conll"},
        report=("BMES",),
    ),
    RealFile(
        "bmewo.conll",
        "LingPipe's BMEWO: `W-` is an entity of one word",
        columns("Omar/B-PER el/M-PER Okoro/E-PER visits/O Accra/W-LOC", _RAIN),
        ("Omar/B-PER el/I-PER Okoro/I-PER visits/O Accra/B-LOC", _RAIN),
        report=("BMEWO",),
    ),
    RealFile(
        "weibo.conll",
        "Weibo NER (hltcoe/golden-horse #19): types with a dot, a wide space as a word",
        columns("王/B-PER.NAM 明/I-PER.NAM \u3000/O 男/B-PER.NOM 人/I-PER.NOM 去/O"),
        ("王/B-PER.NAM 明/I-PER.NAM 男/B-PER.NOM 人/I-PER.NOM 去/O",),
        report=("empty word",),
        before="misread",
    ),
    RealFile(
        "japanese_ne.data.txt",
        "taku910/crfpp #21 (example/JapaneseNE): a wide space as the first column of a file with single spaces",
        "\u3000 S13 記号-空白 O\n山田 M1 名詞 B-PERSON\nさん M9 接尾 O\nは S2 助詞 O\n\n",
        ("山田/B-PERSON さん/O は/O",),
        report=("empty word",),
        before="misread",
    ),
    RealFile(
        "ingredients.tsv",
        "nytimes/ingredient-phrase-tagger #6: features between word and tag; a number is a word, `I1` is no tag",
        columns("1/I1/L8/NoCAP/NoPAREN/B-QTY cup/I2/L8/NoCAP/NoPAREN/B-UNIT white/I3/L8/NoCAP/NoPAREN/B-NAME")
        + columns("2/I1/L8/NoCAP/NoPAREN/B-QTY limes/I2/L8/NoCAP/NoPAREN/B-NAME of/I3/L8/NoCAP/NoPAREN/O"),
        ("1/B-QTY cup/B-UNIT white/B-NAME", "2/B-QTY limes/B-NAME of/O"),
        before="right",
    ),
    RealFile(
        "hindi.tsv",
        "chokkan/crfsuite #98: word, part of speech, and types in lower case without a prefix",
        columns("ओमर/NNP/per ने/PSP/O नया/NNC/loc अक्रा/NNP/loc देखा/VM/O", "वर्षा/NN/O हुई/VM/O"),
        ("ओमर/B-per ने/O नया/B-loc अक्रा/I-loc देखा/O", "वर्षा/O हुई/O"),
        before="misread",
        report=("without a prefix",),
    ),
    RealFile(
        "wnut16.conll",
        "WNUT-16: types with hyphens, which are no suffix",
        columns("Omar/B-person visits/O New/B-geo-loc Accra/I-geo-loc", "Harbour/B-sports-B team/I-sports-B plays/O"),
        ("Omar/B-person visits/O New/B-geo-loc Accra/I-geo-loc", "Harbour/B-sports-B team/I-sports-B plays/O"),
        before="right",
    ),
    RealFile(
        "panx_en.tsv",
        "WikiANN (PAN-X): each word has the language before it",
        columns("en:Omar/B-PER en:visits/O en:New/B-LOC en:Accra/I-LOC", "en:It/O en:rains/O en::/O"),
        ("Omar/B-PER visits/O New/B-LOC Accra/I-LOC", "It/O rains/O :/O"),
        report=("en:",),
        before="misread",
    ),
    RealFile(
        "label_studio_export.conll",
        "HumanSignal/label-studio #556: CoNLL-2003 export with `-X- _` between word and tag",
        "-DOCSTART- -X- O\nOmar -X- _ B-PER\nvisits -X- _ O\nNew -X- _ B-LOC\nAccra. -X- _ I-LOC\n\n",
        ("Omar/B-PER visits/O New/B-LOC Accra./I-LOC",),
        before="right",
    ),
    RealFile(
        "dane.conllu",
        "DaNE (Danish): entities in MISC as `name=`",
        "# sent_id = s1\n# text = Omar besøger Accra.\n"
        "1\tOmar\tOmar\tPROPN\t_\t_\t2\tnsubj\t_\tname=B-PER\n"
        "2\tbesøger\tbesøge\tVERB\t_\t_\t0\troot\t_\tname=O\n"
        "3\tAccra\tAccra\tPROPN\t_\t_\t2\tobj\t_\tname=B-LOC|SpaceAfter=No\n"
        "4\t.\t.\tPUNCT\t_\t_\t2\tpunct\t_\tname=O\n\n",
        ("Omar/B-PER besøger/O Accra/B-LOC ./O",),
        data={"columns": {"tags": "misc.name"}},
    ),
)
