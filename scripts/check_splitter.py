"""Measure the word splitter against gold words: python -m scripts.check_splitter DATA_DIR [train|dev]."""

import sys
from collections import Counter
from pathlib import Path

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.formats.conll import read_conll
from nlptrain.data.tag_schemes import tags_to_spans
from nlptrain.data.word_splitter import WordSplitter

Place = tuple[int, int]


def conllu_places(path: Path) -> list[tuple[str, set[Place]]]:
    """Each sentence's ``# text`` and the places of its words; a range's words where they spell it, else the range."""
    found: list[tuple[str, set[Place]]] = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        rows = [line.split("\t") for line in block.split("\n") if line and not line.startswith("#")]
        text = next((line[9:] for line in block.split("\n") if line.startswith("# text = ")), "")
        forms: list[str] = []
        last = 0
        for number, row in enumerate(rows):
            if "." in row[0]:
                continue
            if "-" in row[0]:
                first, last = map(int, row[0].split("-"))
                parts = [r[1] for r in rows[number + 1 : number + 1 + last - first + 1]]
                forms.extend(parts if "".join(parts) == row[1] else [row[1]])
            elif int(row[0]) > last:
                forms.append(row[1])
        places, at = set(), 0
        for form in forms:
            at = text.find(form, at)
            places.add((at, at + len(form)))
            at += len(form)
        if text:
            found.append((text, places))
    return found


def column_places(path: Path) -> list[tuple[str, set[Place], set[Place]]]:
    """Each sentence joined by spaces, the places of its words, and those of its entities."""
    found = []
    for sentence in read_conll(path, ColumnsConfig()):
        starts, at = [], 0
        for word in sentence.words:
            starts.append(at)
            at += len(word) + 1
        places = {(start, start + len(word)) for start, word in zip(starts, sentence.words, strict=True)}
        entities = {
            (starts[s.start], starts[s.end - 1] + len(sentence.words[s.end - 1]))
            for s in tags_to_spans(sentence.tags or ())
        }
        found.append((" ".join(sentence.words), places, entities))
    return found


def f1(rows: list[tuple[str, set[Place]]], misses: Counter[str] | None = None) -> float:
    """F1 of the splitter's words over character places."""
    right = found = there = 0
    for text, places in rows:
        got = {(word.start, word.end) for word in WordSplitter.default().split(text)}
        right, found, there = right + len(got & places), found + len(got), there + len(places)
        if misses is not None:
            misses.update(text[a:b] for a, b in places - got)
    return 2 * right / (found + there)


def main(folder: Path, split: str) -> None:
    """Print the figures."""
    misses: Counter[str] = Counter()
    print(f"UD EWT {split}, words of # text: F1 {f1(conllu_places(folder / f'ud_ewt/{split}.conllu'), misses):.4f}")
    print("  missed most:", misses.most_common(40))
    misses.clear()
    rows = column_places(folder / f"wnut17/{split}.conll")
    print(f"WNUT17 {split}, words joined by spaces: F1 {f1([(text, places) for text, places, _ in rows], misses):.4f}")
    print("  missed most:", misses.most_common(40))
    kept = total = 0
    for text, _, entities in rows:
        words = WordSplitter.default().split(text)
        starts, ends = {word.start for word in words}, {word.end for word in words}
        total += len(entities)
        kept += sum(a in starts and b in ends for a, b in entities)
    print(f"WNUT17 {split}, entities whose ends are ends of words: {kept / total:.4f} of {total}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "dev")
