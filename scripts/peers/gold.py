"""Read gold files in environments without nlptrain."""

from pathlib import Path


def sentences(path):
    """Yield the words and IOB2 tags of each sentence of a CoNLL file: word first, tag last."""
    words, tags = [], []
    for line in [*Path(path).read_text(encoding="utf-8").split("\n"), ""]:
        if line.strip():
            columns = line.split("\t")
            words.append(columns[0])
            tags.append(columns[-1].strip())
        elif words:
            yield words, tags
            words, tags = [], []
