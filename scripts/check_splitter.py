"""Measure the word splitter against gold words: python -m scripts.check_splitter DATA_DIR [train|dev]."""

import sys
from collections import Counter
from pathlib import Path

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.conll import read_conll
from nlptrain.data.tag_schemes import tags_to_spans
from nlptrain.data.word_splitter import WordSplitter

Offsets = tuple[int, int]


def conllu_rows(path: Path) -> list[tuple[str, set[Offsets]]]:
    """Return each sentence's ``# text`` and its words' offsets; a range counts as its words if they are its letters."""
    result: list[tuple[str, set[Offsets]]] = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        rows = [line.split("\t") for line in block.split("\n") if line and not line.startswith("#")]
        text = next((line[9:] for line in block.split("\n") if line.startswith("# text = ")), "")
        forms: list[str] = []
        last = 0
        for index, row in enumerate(rows):
            if "." in row[0]:
                continue
            if "-" in row[0]:
                first, last = map(int, row[0].split("-"))
                parts = [r[1] for r in rows[index + 1 : index + 1 + last - first + 1]]
                forms.extend(parts if "".join(parts) == row[1] else [row[1]])
            elif int(row[0]) > last:
                forms.append(row[1])
        offsets, start = set(), 0
        for form in forms:
            start = text.find(form, start)
            offsets.add((start, start + len(form)))
            start += len(form)
        if text:
            result.append((text, offsets))
    return result


def conll_rows(path: Path) -> list[tuple[str, set[Offsets], set[Offsets]]]:
    """Return each sentence joined by spaces, the offsets of its words, and those of its entities."""
    result = []
    for sentence in read_conll(path, ReadContext()):
        starts, start = [], 0
        for word in sentence.words:
            starts.append(start)
            start += len(word) + 1
        offsets = {(start, start + len(word)) for start, word in zip(starts, sentence.words, strict=True)}
        entities = {
            (starts[s.start], starts[s.end - 1] + len(sentence.words[s.end - 1]))
            for s in tags_to_spans(sentence.tags or ())
        }
        result.append((" ".join(sentence.words), offsets, entities))
    return result


def f1(rows: list[tuple[str, set[Offsets]]], misses: Counter[str] | None = None) -> float:
    """Return the F1 of the splitter's words, compared by character offsets."""
    right = predicted = gold = 0
    for text, offsets in rows:
        words = {(word.start, word.end) for word in WordSplitter.default().split(text)}
        right, predicted, gold = right + len(words & offsets), predicted + len(words), gold + len(offsets)
        if misses is not None:
            misses.update(text[start:end] for start, end in offsets - words)
    return 2 * right / (predicted + gold)


def main(folder: Path, split: str) -> None:
    """Print the figures."""
    misses: Counter[str] = Counter()
    print(f"UD EWT {split}, words of # text: F1 {f1(conllu_rows(folder / f'ud_ewt/{split}.conllu'), misses):.4f}")
    print("  missed most:", misses.most_common(40))
    misses.clear()
    rows = conll_rows(folder / f"wnut17/{split}.conll")
    print(
        f"WNUT17 {split}, words joined by spaces: F1 {f1([(text, offsets) for text, offsets, _ in rows], misses):.4f}"
    )
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
