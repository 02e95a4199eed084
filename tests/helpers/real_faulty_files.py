"""Column files with the faults that people report: broken lines, tags and separators, and columns of predictions."""

from __future__ import annotations

from tests.helpers.real_column_files import BOTH
from tests.helpers.real_files import RealFile, columns, two_columns

_TEN = ("Ama/B-PER sings/O", "It/O rains/O") * 5  # unbroken sentences around the broken one

BROKEN_LINES = (
    RealFile(
        "glued_lines.tsv",
        "deeppavlov/DeepPavlov #801: a line end is missing, so that a tag and the next word are one cell",
        columns(*_TEN) + "Coca-Cola\tB-ORG\nUSA\tB-LOCin\tO\n2019\tO\n\n" + columns(*BOTH),
        (*_TEN, *BOTH),
        report=("skipped",),
    ),
    RealFile(
        "missing_tag.conll",
        "deeppavlov/DeepPavlov #1010: a word without a tag",
        columns(*_TEN, separator=" ") + "Omar B-PER\nvisits\nAccra B-LOC\n\n" + columns(*BOTH, separator=" "),
        (*_TEN, *BOTH),
        report=("skipped",),
    ),
    RealFile(
        "tab_as_word.conll",
        "flairNLP/flair #3034: a tab as the word of a line, in a file with spaces",
        "Omar B-PER\nOkoro I-PER\nwent O\n\t O\nAccra B-LOC\n\n",
        ("Omar/B-PER Okoro/I-PER went/O Accra/B-LOC",),
        report=("empty word",),
    ),
    RealFile(
        "trailing_tabs.tsv",
        "Spreadsheet exports: empty columns at the ends of the lines",
        "Omar\tB-PER\t\t\nvisits\tO\t\t\nAccra\tB-LOC\t\t\n\t\t\t\nIt\tO\t\t\nrains\tO\t\t\n",
        ("Omar/B-PER visits/O Accra/B-LOC", "It/O rains/O"),
    ),
    RealFile(
        "spaces_then_tabs.conll",
        "explosion/spaCy #8737: columns separated by spaces, with tabs at the ends of some lines",
        "Omar _ O I-PER\t\t\nOkoro _ O I-PER\nvisits _ O O\t\nAccra _ O I-LOC\n\n",
        ("Omar/B-PER Okoro/I-PER visits/O Accra/B-LOC",),
    ),
    RealFile(
        "mixed_separators.conll",
        "Tabs in some lines, spaces in others (ThilinaRajapakse/simpletransformers #452 has one for the other)",
        "Omar\tB-PER\nOkoro\tI-PER\nvisits O\nNew\tB-LOC\nAccra I-LOC\n\nIt O\nrains\tO\n",
        ("Omar/B-PER Okoro/I-PER visits/O New/B-LOC Accra/I-LOC", "It/O rains/O"),
        report=("repaired",),
    ),
    RealFile(
        "no_break_space.conll",
        "Text copied from a browser or PDF: a no-break space between word and tag",
        "Omar B-PER\nvisits\u00a0O\nAccra B-LOC\n\n",
        ("Omar/B-PER visits/O Accra/B-LOC",),
        report=("repaired",),
    ),
    RealFile(
        "joined_files.conll",
        "UniversalDependencies/UD_French-GSD #13: byte order marks inside a file that was joined from several",
        "\ufeff" + columns(BOTH[0]) + "\ufeff" + columns(BOTH[1]),
        BOTH,
        before="misread",
    ),
    RealFile(
        "double_carriage_returns.conll",
        "Written in text mode twice on Windows: CR CR LF (CR LF alone breaks luopeixiang/named_entity_recognition #22)",
        columns(*BOTH, end="\r\r\n").encode(),
        BOTH,
        before="misread",
    ),
    RealFile(
        "mixed_line_ends.conll",
        "Files joined from Windows and Unix: CR LF, LF",
        (columns(BOTH[0], end="\r\n") + columns(BOTH[1], end="\n")).encode(),
        BOTH,
        before="right",
    ),
    RealFile(
        "notepad.tsv",
        "Notepad and Excel's `Unicode Text`: UTF-16 with a byte order mark",
        columns(*BOTH, end="\r\n").encode("utf-16"),
        BOTH,
        report=("UTF-16",),
    ),
    RealFile(
        "zero_width.conll",
        "Tweets: a zero-width space or a variation selector is all that is left of a word",
        columns("Omar/B-PER \u200b/O visits/O \ufe0f/O Accra/B-LOC", "It/O rains/O", "\u200d/O"),
        ("Omar/B-PER visits/O Accra/B-LOC", "It/O rains/O"),
        report=("empty word",),
        before="misread",
    ),
    RealFile(
        "header_row.tsv",
        "Spreadsheet exports: a header above the columns",
        "Word\tPOS\tTag\n" + columns("Omar/NNP/B-PER visits/VBZ/O Accra/NNP/B-LOC", "It/PRP/O rains/VBZ/O"),
        ("Omar/B-PER visits/O Accra/B-LOC", "It/O rains/O"),
        report=("header",),
        before="refused",
    ),
)

BROKEN_TAGS = (
    RealFile(
        "zeros.tsv",
        "UKPLab/emnlp2017-bilstm-cnn-crf #53: the number 0 instead of the letter O, everywhere",
        columns("Omar/B-PER visits/0 New/B-LOC Accra/I-LOC", "It/0 rains/0 again/0"),
        ("Omar/B-PER visits/O New/B-LOC Accra/I-LOC", "It/O rains/O again/O"),
        before="misread",
        report=("0",),
    ),
    RealFile(
        "some_zeros.tsv",
        "UKPLab/emnlp2017-bilstm-cnn-crf #53: the number 0 instead of the letter O, in one line",
        columns(*_TEN, "Omar/B-PER visits/0 New/B-LOC Accra/I-LOC"),
        (*_TEN, "Omar/B-PER visits/O New/B-LOC Accra/I-LOC"),
        report=("repaired",),
    ),
    RealFile(
        "lower_case_o.conll",
        "Tags typed by hand: `o` in some lines",
        columns(*_TEN, "Omar/B-PER visits/o New/B-LOC Accra/I-LOC"),
        (*_TEN, "Omar/B-PER visits/O New/B-LOC Accra/I-LOC"),
        report=("repaired",),
    ),
    RealFile(
        "blank_in_tag.tsv",
        "Tags typed by hand: `B -PER` and `I- LOC`",
        columns(*_TEN) + "Omar\tB -PER\nvisits\tO\nNew\tB-LOC\nAccra\tI- LOC\n\n",
        (*_TEN, "Omar/B-PER visits/O New/B-LOC Accra/I-LOC"),
        report=("repaired",),
    ),
    RealFile(
        "no_type.conll",
        "Tags typed by hand: `I-` without a type inside of an entity",
        columns(*_TEN, "Omar/B-PER Okoro/I- visits/O"),
        (*_TEN, "Omar/B-PER Okoro/I-PER visits/O"),
        report=("spelled differently",),
    ),
    RealFile(
        "long_dash.tsv",
        "Text corrected by a word processor: an en dash in the tags",
        columns("Omar/B\u2013PER Okoro/I\u2013PER visits/O Accra/B\u2013LOC", "It/O rains/O"),
        ("Omar/B-PER Okoro/I-PER visits/O Accra/B-LOC", "It/O rains/O"),
        before="misread",
        report=("B–TYPE",),
    ),
    RealFile(
        "suffixes.conll",
        "Korean corpora after the Naver NLP Challenge (`PER-B`): the prefix comes last; here a type has a hyphen",
        columns("Omar/PER-B Okoro/PER-I visits/O New/GEO-LOC-B Accra/GEO-LOC-I", "It/O rains/O"),
        ("Omar/B-PER Okoro/I-PER visits/O New/B-GEO-LOC Accra/I-GEO-LOC", "It/O rains/O"),
        report=("TYPE-B",),
        before="misread",
    ),
    RealFile(
        "naver.tsv",
        "Naver NLP Challenge 2018 (Korean): an index, the prefix last, `-` outside of entities",
        columns("1/오마르/PER_B 2/오코로는/PER_I 3/어제/DAT_B 4/갔다/-", "1/비가/- 2/온다/-"),
        ("오마르/B-PER 오코로는/I-PER 어제/B-DAT 갔다/O", "비가/O 온다/O"),
        report=("TYPE_B",),
        before="misread",
    ),
    RealFile(
        "lower_case.conll",
        "Corpora in lower case, tags included (ningziwei/HiBART lowers them): `b-per`, `i-per`, `o`",
        columns("omar/b-per okoro/i-per visits/o accra/b-loc", "it/o rains/o"),
        ("omar/B-per okoro/I-per visits/O accra/B-loc", "it/O rains/O"),
        report=("b-TYPE",),
        before="misread",
    ),
    RealFile(
        "no_outside.conll",
        "guillaumegenthial/sequence_tagging #88: no word with the tag O",
        columns("Survey/B-DOC Report/I-DOC Harbour/B-LOC", separator=" "),
        ("Survey/B-DOC Report/I-DOC Harbour/B-LOC",),
        before="right",
    ),
)

PREDICTIONS = (
    RealFile(
        "flair_test.tsv",
        "Flair's test.tsv: word, gold tag, predicted tag, score",
        "Omar B-PER B-PER 0.9981\nvisits O O 0.9997\nNew B-LOC O 0.5142\nAccra I-LOC B-LOC 0.8812\n\n",
        ("Omar/B-PER visits/O New/B-LOC Accra/I-LOC",),
        error=two_columns(2, 3),
        before="misread",
    ),
    RealFile(
        "scores.tsv",
        "Output of taggers: word, tag, score",
        "Omar\tB-PER\t0.9981\nvisits\tO\t0.9997\nAccra\tB-LOC\t0.8812\n\nIt\tO\t1.0\nrains\tO\t0.9991\n",
        ("Omar/B-PER visits/O Accra/B-LOC", "It/O rains/O"),
        report=("tags in column 2",),
        before="misread",
    ),
    RealFile(
        "conlleval.txt",
        "Input of conlleval: the gold tag, then the predicted one",
        "Omar NNP B-PER B-PER\nOkoro NNP I-PER O\nvisits VBZ O O\nAccra NNP B-LOC B-PER\n\n",
        ("Omar/B-PER Okoro/I-PER visits/O Accra/B-LOC",),
        error=two_columns(3, 4),
        before="misread",
    ),
    RealFile(
        "crfpp_verbose.txt",
        "CRF++ with -v1: a line with the probability of the sentence, and a score after each predicted tag",
        "# 0.478113\nOmar\tNNP\tB-PER\tB-PER/0.99\nvisits\tVBZ\tO\tO/0.98\nAccra\tNNP\tB-LOC\tB-ORG/0.51\n\n",
        ("Omar/B-PER visits/O Accra/B-LOC",),
        error=two_columns(3, 4),
        before="misread",
    ),
    RealFile(
        "space_after.txt",
        "flairNLP/flair #1581: a last column of `+` and `-`: whether a space follows",
        "It O +\nis O +\na O +\nGhanaian B-MISC -\n- O -\nrun O +\nharbour O -\n. O +\n\n",
        ("It/O is/O a/O Ghanaian/B-MISC -/O run/O harbour/O ./O",),
        report=("tags in column 2",),
        before="misread",
    ),
    RealFile(
        "crfsuite.txt",
        "CRFsuite's training format: the tag first, then attributes with names",
        "B-PER\tw[0]=Omar\tw[1]=visits\tpos[0]=NNP\t__BOS__\nO\tw[0]=visits\tw[-1]=Omar\tpos[0]=VBZ\t__EOS__\n\n",
        error=r"data\.columns\.words|attribute",
        before="misread",
    ),
)

OTHER_LAYOUTS = (
    RealFile(
        "aij-wikiner-en-wp2.txt",
        "WikiNER: a sentence per line, `word|part of speech|tag`",
        "Omar|NNP|I-PER visits|VBZ|O New|NNP|I-LOC Accra|NNP|I-LOC .|.|O\n\n"
        "It|PRP|O rains|VBZ|O in|IN|O May|NNP|O .|.|O\n",
        ("Omar/B-PER visits/O New/B-LOC Accra/I-LOC ./O", "It/O rains/O in/O May/O ./O"),
        error="line",
        before="misread",
    ),
    RealFile(
        "slash_tags.txt",
        "Stanford NER's slashTags (davidsbatista/NER-Evaluation #13): a sentence per line, `word/TAG`",
        "Omar/PERSON visits/O Accra/LOCATION ./O\nAma/PERSON sings/O here/O ./O\n",
        ("Omar/B-PERSON visits/O Accra/B-LOCATION ./O", "Ama/B-PERSON sings/O here/O ./O"),
        error="line",
        before="misread",
    ),
    RealFile(
        "snips.tsv",
        "ATIS and SNIPS for slot filling: a sentence per line, its tags after a tab",
        "omar visits new accra\tB-name O B-city I-city\nit rains\tO O\n",
        ("omar/B-name visits/O new/B-city accra/I-city", "it/O rains/O"),
        error="line|tag",
        before="misread",
    ),
    RealFile(
        "webanno.tsv",
        "WebAnno TSV 3 of INCEpTION: ids, offsets and layers",
        "#FORMAT=WebAnno TSV 3.3\n#T_SP=de.tudarmstadt.NamedEntity|value\n\n#Text=Omar visits Accra\n"
        "1-1\t0-4\tOmar\tPER[1]\t\n1-2\t5-11\tvisits\t_\t\n1-3\t12-17\tAccra\tLOC[2]\t\n",
        error="WebAnno|column",
        before="right",
    ),
    RealFile(
        "pubtator.txt",
        "PubTator: title and abstract, then annotations with offsets",
        "101|t|Omar visits Accra\n101|a|It rains in New Accra.\n"
        "101\t0\t4\tOmar\tPerson\tP1\n101\t12\t17\tAccra\tCity\tL1\n",
        error="column",
        before="right",
    ),
)
FAULTY_FILES = (*BROKEN_LINES, *BROKEN_TAGS, *PREDICTIONS, *OTHER_LAYOUTS)
