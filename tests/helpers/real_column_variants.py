"""Column files and tables whose layout differs in detail from those that are usual; the text is invented."""

from __future__ import annotations

from tests.helpers.real_files import RealFile, columns

_OMAR, _RAIN = "Omar/B-PER visits/O Accra/B-LOC", "It/O rains/O"
_ROWS = ("Omar/NNP/B-PER visits/VBZ/O Accra/NNP/B-LOC", "It/PRP/O rains/VBZ/O")


def _with_ids(*ids: str) -> str:
    """Return three columns, the first one with ``ids``."""
    words = [line for sentence in ("Omar/B-PER visits/O Accra/B-LOC", "It/O rains/O") for line in sentence.split(" ")]
    lines = [f"{token_id}\t{line.replace('/', chr(9))}\n" for token_id, line in zip(ids, words, strict=True)]
    return "".join([*lines[:3], "\n", *lines[3:]])


def _with_header(header: str, separator: str = "\t") -> str:
    return header + "\n" + columns("Omar/B-PER visits/O Accra/B-LOC", "It/O rains/O", separator=separator)


COLUMN_VARIANTS = (
    RealFile(
        "id_of_sentence_and_word.tsv",
        "Ids of sentence and word before the words, as exports of corpus tools have them",
        _with_ids("s0.t0", "s0.t1", "s0.t2", "s1.t0", "s1.t1"),
        (_OMAR, _RAIN),
        report=("words in column 2, tags in column 3",),
        before="misread",
    ),
    RealFile(
        "id_of_file_and_word.tsv",
        "As above, with names of files",
        _with_ids("doc0.txt:0", "doc0.txt:1", "doc0.txt:2", "b.txt:0", "b.txt:1"),
        (_OMAR, _RAIN),
        report=("words in column 2, tags in column 3",),
        before="misread",
    ),
    RealFile(
        "hexadecimal_ids.tsv",
        "Hashes before the words",
        _with_ids("107222e9", "a07222e0", "107d22e1", "b7f222e2", "1c7222e3"),
        (_OMAR, _RAIN),
        report=("words in column 2, tags in column 3",),
        before="misread",
    ),
    RealFile(
        "times.tsv",
        "Times of a transcript before the words",
        _with_ids("00:00:01.010", "00:00:01.200", "00:00:01.350", "00:00:02.700", "00:00:03.010"),
        (_OMAR, _RAIN),
        report=("words in column 2, tags in column 3",),
        before="misread",
    ),
    RealFile(
        "part_of_speech_first.tsv",
        "Parts of speech, words, entities",
        columns("NNP/Omar/B-PER VBZ/visits/O NNP/Accra/B-LOC", "PRP/It/O VBZ/rains/O"),
        (_OMAR, _RAIN),
        report=("words in column 2, tags in column 3",),
        before="misread",
    ),
    RealFile(
        "one_short_sentence.tsv",
        "A sentence of two words with an index",
        "1\tOmar\tB-PER\n2\tsings\tO\n",
        ("Omar/B-PER sings/O",),
        report=("words in column 2",),
        before="misread",
    ),
    RealFile(
        "other_names.tsv",
        "A header that only describes the columns",
        _with_header("tok\tgold_label"),
        (_OMAR, _RAIN),
        report=("line 1 is a header",),
        before="misread",
    ),
    RealFile(
        "german_names.tsv",
        "As above, in German",
        _with_header("Wort\tNER-Tag"),
        (_OMAR, _RAIN),
        report=("line 1 is a header",),
        before="misread",
    ),
    RealFile(
        "hash_names.tsv",
        "A header after #",
        _with_header("#word\ttag"),
        (_OMAR, _RAIN),
        report=("line 1 is a header",),
        before="misread",
    ),
    RealFile(
        "hash_and_blank.txt",
        "As above, with blanks",
        _with_header("# word tag", " "),
        (_OMAR, _RAIN),
        report=("line 1 is a header",),
        before="right",
    ),
    RealFile(
        "joined_files.tsv",
        "Files with a header each, joined by cat",
        _with_header("word\ttag") * 3,
        (_OMAR, _RAIN) * 3,
        report=("header that occurs again",),
        before="misread",
    ),
    RealFile(
        "flags.tsv",
        "0 and 1 for words in upper case, next to the tags",
        columns("Omar/1/B-PER visits/0/O Accra/1/B-LOC", "It/1/O rains/0/O"),
        (_OMAR, _RAIN),
        before="right",
    ),
    RealFile(
        "links.tsv",
        "Links to Wikidata after the tags",
        columns("Omar/B-PER/Q80 visits/O/- Accra/B-LOC/Q3761", "It/O/- rains/O/-"),
        (_OMAR, _RAIN),
        report=("tags in column 2",),
        before="misread",
    ),
    RealFile(
        "types_and_chunks.txt",
        "Chunks with prefixes, and entities without",
        columns(
            "Omar/NNP/B-NP/PER visits/VBZ/B-VP/O Accra/NNP/B-NP/LOC", "It/PRP/B-NP/O rains/VBZ/B-VP/O", separator=" "
        ),
        (_OMAR, _RAIN),
        report=("types without a prefix",),
        before="misread",
    ),
    RealFile(
        "numbers_as_words.csv",
        "Words that were made anonymous, in a column that the user names",
        "sentence_id,word,tag\n1,17,B-PER\n1,4,O\n2,9,O\n2,4,O\n",
        ("17/B-PER 4/O", "9/O 4/O"),
        data={"columns": {"words": "word"}},
        before="right",
    ),
    RealFile(
        "types_and_tags.tsv",
        "The types of entities, and the same with prefixes",
        columns("Omar/NNP/PER/B-PER visits/VBZ/O/O Accra/NNP/LOC/B-LOC", "It/PRP/O/O rains/VBZ/O/O"),
        (_OMAR, _RAIN),
        before="right",
    ),
    RealFile(
        "sentiment.tsv",
        "Classification of sentences",
        "I love it\tpositive\nIt is bad\tnegative\nIt may rain\tneutral\n",
        error="found texts of several words",
        before="misread",
    ),
    RealFile(
        "sentiment.csv",
        "Classification of sentences, whose column is called as that of sentence ids",
        "sentence,label\nIt rains,x\nI hate it,y\n",
        error=r"data\.columns\.words",
        before="right",
    ),
    RealFile(
        "mentions.csv",
        "A sentence, an entity in it and its type in each row",
        "sentence_id,text,entity,label\n1,Omar sings,Omar,PER\n2,Rain in Accra,Accra,LOC\n3,Rain in Ho,Ho,LOC\n",
        error="found texts of several words",
    ),
    RealFile(
        "spans.csv",
        "A span in each row",
        "text,start,end,label\nOmar sings,0,4,PER\nOmar sings,5,10,ACT\nIt rains,3,8,ACT\n",
        error="found a span in each row .*JSON Lines",
    ),
)
