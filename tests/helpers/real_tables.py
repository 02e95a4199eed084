"""CSV files: exports of spreadsheets and pandas, and a sentence with all of its tags in a row."""

from __future__ import annotations

from tests.helpers.real_files import RealFile

_OMAR = "Omar/B-PER visits/O Accra/B-LOC"
_RAIN = "It/O rains/O"

TABLES = (
    RealFile(
        "ner_dataset.csv",
        "Kaggle's ner_dataset.csv (GMB): the sentence is named in its first row only; quotes as words",
        'Sentence #,Word,POS,Tag\nSentence: 1,Omar,NNP,B-per\n,visits,VBZ,O\n,"""",``,O\n'
        "Sentence: 2,It,PRP,O\n,rains,VBZ,O\n",
        ('Omar/B-per visits/O "/O', _RAIN),
        before="right",
    ),
    RealFile(
        "ner_dataset_cp1252.csv",
        "Kaggle's ner_dataset.csv is not UTF-8: it cannot be known which of several encodings it has",
        "Sentence #,Word,POS,Tag\nSentence: 1,Omar\u2019s,NNP,B-per\n,café,NN,O\n".encode("cp1252"),
        error="iconv -f cp1252",
        before="right",
    ),
    RealFile(
        "ner.csv",
        "Kaggle's ner.csv: sentences, and lists of tags in Python's notation",
        "Sentence #,Sentence,POS,Tag\n"
        "Sentence: 1,Omar visits Accra,\"['NNP', 'VBZ', 'NNP']\",\"['B-per', 'O', 'B-geo']\"\n"
        "Sentence: 2,It rains,\"['PRP', 'VBZ']\",\"['O', 'O']\"\n",
        ("Omar/B-per visits/O Accra/B-geo", _RAIN),
    ),
    RealFile(
        "word_labels.csv",
        "Notebooks on token classification with BERT: `sentence` and `word_labels`, joined by commas",
        'sentence,word_labels\nOmar visits Accra,"B-PER,O,B-LOC"\nIt rains,"O,O"\n',
        (_OMAR, _RAIN),
    ),
    RealFile(
        "numpy_lists.csv",
        "pandas' to_csv of a data set of the Hub: lists of NumPy, without commas; Python would join the words to one",
        "tokens,ner_tags\n\"['Omar' 'visits' 'Accra']\",\"['B-PER' 'O' 'B-LOC']\"\n\"['It' 'rains']\",\"['O' 'O']\"\n",
        (_OMAR, _RAIN),
    ),
    RealFile(
        "pandas_index.csv",
        "pandas' to_csv with its index: a first column without a name",
        ",sentence_id,words,labels\n0,0,Omar,B-PER\n1,0,visits,O\n2,0,Accra,B-LOC\n3,1,It,O\n4,1,rains,O\n",
        (_OMAR, _RAIN),
    ),
    RealFile(
        "unnamed_0.csv",
        "pandas read and written again: `Unnamed: 0`",
        "Unnamed: 0,sentence_id,word,tag\n0,0,Omar,B-PER\n1,0,visits,O\n2,0,Accra,B-LOC\n3,1,It,O\n4,1,rains,O\n",
        (_OMAR, _RAIN),
        before="right",
    ),
    RealFile(
        "kaggle_features.csv",
        "Kaggle's ner.csv with features: an index, features of neighbors, `sentence_idx` as a decimal number",
        ",lemma,next-pos,prev-iob,sentence_idx,shape,word,tag\n"
        "0,omar,VBZ,__START1__,1.0,capitalized,Omar,B-PER\n1,visit,NNP,B-PER,1.0,lowercase,visits,O\n"
        "2,accra,__END1__,O,1.0,capitalized,Accra,B-LOC\n3,it,VBZ,__START1__,2.0,capitalized,It,O\n"
        "4,rain,__END1__,O,2.0,lowercase,rains,O\n",
        (_OMAR, _RAIN),
    ),
    RealFile(
        "german_excel.csv",
        "Excel in German: semicolons, and decimal commas in a column of scores",
        "\ufeffsentence_id;word;tag;score\r\n1;Omar;B-PER;0,97\r\n1;visits;O;0,99\r\n1;Accra;B-LOC;0,95\r\n"
        "2;It;O;1,0\r\n2;rains;O;1,0\r\n",
        (_OMAR, _RAIN),
        before="right",
    ),
    RealFile(
        "bare_quotes.csv",
        "Columns with tabs saved as .csv without quoting: two quotation marks would swallow the rows between them",
        'sentence_id\tword\ttag\n1\tOmar\tB-PER\n1\tasks\tO\n1\t"\tO\n1\tHello\tO\n1\t"\tO\n2\tIt\tO\n2\trains\tO\n',
        ('Omar/B-PER asks/O "/O Hello/O "/O', _RAIN),
        before="misread",
    ),
    RealFile(
        "empty_cells.csv",
        "Words that pandas took for NaN and wrote as nothing (in stucco/auto-labeled-corpus #7 as NaN)",
        "sentence_id,word,tag\n1,Omar,B-PER\n1,,O\n1,visits,O\n1,Accra,B-LOC\n2,It,O\n2,rains,O\n",
        (_OMAR, _RAIN),
        report=("empty word",),
    ),
    RealFile(
        "blank_rows.csv",
        "flairNLP/flair #3314: no column of sentences, which end at empty rows",
        "word,label\nOmar,B-PER\nvisits,O\nAccra,B-LOC\n,\nIt,O\nrains,O\n",
        (_OMAR, _RAIN),
    ),
    RealFile(
        "wrong_id.csv",
        "ThilinaRajapakse/simpletransformers #837: one word has the id of another sentence",
        "sentence_id,words,labels\n0,Omar,B-PER\n1,visits,O\n0,Accra,B-LOC\n1,It,O\n1,rains,O\n",
        ("Omar/B-PER", "visits/O", "Accra/B-LOC", _RAIN),
        report=("sentence id that occurs again",),
        error="continues after other sentences",
    ),
    RealFile(
        "excel_unicode.csv",
        "Excel's `Unicode Text` under the name of a CSV: UTF-16, tabs",
        "sentence_id\tword\ttag\r\n1\tOmar\tB-PER\r\n1\tvisits\tO\r\n1\tAccra\tB-LOC\r\n2\tIt\tO\r\n2\trains\tO\r\n".encode(
            "utf-16"
        ),
        (_OMAR, _RAIN),
        report=("UTF-16",),
    ),
    RealFile(
        "comprehend.csv",
        "Amazon Comprehend's annotations: offsets into another file",
        "File,Line,Begin Offset,End Offset,Type\ndocuments.txt,0,0,4,PERSON\ndocuments.txt,0,12,17,CITY\n",
        error="found a span in each row",
        before="right",
    ),
)
