"""Generate the demo's corpus: labeled sentences with persons, locations, organisations and products, and raw text.

The text is synthetic: scores on it do not carry over to real text. A model has to read the context: many names are a
person in one sentence and a location, an organisation or a product in the next; no name of dev or test occurs in train;
and almost half of the templates of dev and test never occur in train. The raw text has half of the names of dev and
test, names of its own, and most of the templates, as text from the same source would have.

The bytes are a function of the seed alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TYPES = ("person", "place", "organisation", "product")
SENTENCES = {"train": 600, "dev": 200, "test": 300}
SHARES = {"train": 0.35, "dev": 0.15, "test": 0.3, "raw": 0.2}  # of the name parts
RAW_LINES = 8000

OPENING_RATE = 0.18
ENDING_RATE = 0.12
VOWELS = tuple("aeiou")
ATTACHED_LEFT = {",", ".", "?", "!", ":", ")", "'s"}

# Weights of the forms of names, by type. A form is a sequence of name parts.
FORMS: dict[str, dict[str, int]] = {
    "person": {"first last": 38, "first": 20, "last": 10, "shared": 16, "shared last": 8, "first shared": 8},
    "place": {
        "town": 24,
        "shared": 28,
        "root+place_ending": 16,
        "place_prefix root": 9,
        "root place_suffix": 9,
        "root": 8,
        "shared place_suffix": 6,
    },
    "organisation": {
        "root": 20,
        "shared": 26,
        "root company_suffix": 13,
        "shared company_suffix": 8,
        "last & last": 8,
        "last": 6,
        "letters": 11,
        "institution of town": 8,
    },
    "product": {
        "root": 16,
        "shared": 24,
        "thing_name": 18,
        "root model": 16,
        "shared model": 12,
        "thing_name model": 9,
        "letters model": 5,
    },
}

# Name parts that all splits share.
COMMON = {
    "place_ending": "ford ton bury ham mouth dale wick by stead ville burg field".split(),
    "place_prefix": "Port North South East Lake Mount New Saint Upper Fort".split(),
    "place_suffix": "Street Valley Island Bay Hills Park Falls Springs Heath Square".split(),
    "company_suffix": "Labs Partners Group Holdings Foods Airlines Bank Energy Motors Industries Media Systems".split(),
    "institution": "University Bank Institute Museum Ministry".split(),
    "model": "2 3 4 7 9 400 Pro Mini Max Air X S5 X200 G3 Lite Plus".split(),
}

Words = dict[str, list[str]]
TaggedWords = list[tuple[str, str]]


@dataclass(frozen=True)
class Template:
    """A sentence with slots and choices; with one star it is not used in train, with two not in the raw text either."""

    text: str
    stars: int


@dataclass(frozen=True)
class Source:
    """The names, words and templates of one split."""

    names: Words
    plain: Words
    bodies: list[Template]
    openings: list[Template]
    endings: list[Template]
    all_choices: bool


def write_corpus(folder: Path, seed: int = 0) -> None:
    """Write train.conll, dev.conll, test.conll and, as the last one, unlabeled.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in generate_corpus(seed).items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def generate_corpus(seed: int) -> dict[str, str]:
    """Return the text of each file by its name, the same for the same seed.

    Example:
        >>> sorted(generate_corpus(0))
        ['dev.conll', 'test.conll', 'train.conll', 'unlabeled.txt']
    """
    parts, plain = read_words(HERE / "words.txt")
    templates = read_templates(HERE / "templates.txt")
    rng = random.Random(seed)
    splits = split_parts(parts, rng)
    files: dict[str, str] = {}
    seen: set[str] = set()
    for split, count in SENTENCES.items():
        source = source_of(templates, splits[split], plain, stars=0 if split == "train" else 2)
        sentences = distinct(source, count, rng, seen)
        files[f"{split}.conll"] = "".join(conll(sentence) for sentence in sentences)
    source = source_of(templates, raw_parts(splits), plain, stars=1)
    files["unlabeled.txt"] = "".join(f"{to_text(s)}\n" for s in distinct(source, RAW_LINES, rng, seen))
    return files


def read_words(path: Path) -> tuple[Words, Words]:
    """Read the name parts and the other words, each by the name of its list."""
    halves: list[Words] = [{}, {}]
    names, _, plain = path.read_text(encoding="utf-8").partition("\n-----\n")
    for half, text in zip(halves, (names, plain), strict=True):
        for line in text.split("\n"):
            if line and not line.startswith("#"):
                key, _, words = line.partition(": ")
                half.setdefault(key, []).extend(words.split())
    return halves[0], halves[1]


def read_templates(path: Path) -> dict[str, list[Template]]:
    """Read the templates of bodies, openings and endings of sentences."""
    templates: dict[str, list[Template]] = {"bodies": [], "openings": [], "endings": []}
    for line in path.read_text(encoding="utf-8").split("\n"):
        if not line or line.startswith("#"):
            continue
        text = line.lstrip("*").lstrip()
        kind = {">": "openings", "<": "endings"}.get(text[0], "bodies")
        templates[kind].append(Template(text if kind == "bodies" else text[2:], len(line) - len(line.lstrip("*"))))
    return templates


def split_parts(parts: Words, rng: random.Random) -> dict[str, Words]:
    """Split each list of name parts, so that no two splits share one."""
    splits: dict[str, Words] = {split: {} for split in SHARES}
    for key in sorted(parts):
        shuffled = sorted(set(parts[key]))
        rng.shuffle(shuffled)
        start = 0.0
        for split, share in SHARES.items():
            first, last = round(start * len(shuffled)), round((start + share) * len(shuffled))
            splits[split][key] = shuffled[first:last]
            start += share
    return splits


def raw_parts(splits: dict[str, Words]) -> Words:
    """Return the name parts of the raw text: those of train, its own, and every second one of dev and test."""
    steps = {"train": 1, "raw": 1, "dev": 2, "test": 2}
    return {
        key: [part for split, step in steps.items() for part in splits[split][key][::step]] for key in splits["train"]
    }


def source_of(templates: dict[str, list[Template]], names: Words, plain: Words, *, stars: int) -> Source:
    """Return the source of a split: templates of at most ``stars`` stars; with 0, as in train, no late choices."""
    allowed = {kind: [template for template in group if template.stars <= stars] for kind, group in templates.items()}
    return Source(names, plain, **allowed, all_choices=stars > 0)


def distinct(source: Source, count: int, rng: random.Random, seen: set[str]) -> Iterator[TaggedWords]:
    """Yield ``count`` sentences that are not in ``seen``, and add them to it."""
    while count:
        sentence = add_noise(compose(source, rng), rng)
        key = " ".join(word for word, _ in sentence).lower()
        if key not in seen:
            seen.add(key)
            count -= 1
            yield sentence


def compose(source: Source, rng: random.Random) -> TaggedWords:
    """Generate one sentence."""
    text = rng.choice(source.bodies).text
    if text.endswith(" .") and "?" not in text:
        if rng.random() < OPENING_RATE:
            text = f"{rng.choice(source.openings).text} {text}"
        if rng.random() < ENDING_RATE:
            text = f"{text.removesuffix(' .')} {rng.choice(source.endings).text} ."
    used: set[str] = set()
    sentence: TaggedWords = []
    for word in choose(text, rng, all_choices=source.all_choices).split():
        sentence.extend(fill(word, source, rng, used))
    return capitalize(sentence)


def capitalize(sentence: TaggedWords) -> TaggedWords:
    """Capitalize the first word, write ``I`` for ``i``, and ``an`` for ``a`` before a vowel."""
    words = [word for word, _ in sentence]
    first = next(index for index, word in enumerate(words) if word != '"')
    pairs = zip(words, [*words[1:], ""], strict=True)
    words = ["an" if word == "a" and after.lower().startswith(VOWELS) else word for word, after in pairs]
    words[first] = words[first][0].upper() + words[first][1:]
    return [("I" if word == "i" else word, tag) for word, (_, tag) in zip(words, sentence, strict=True)]


def choose(text: str, rng: random.Random, *, all_choices: bool) -> str:
    """Choose one of each ``[a|b||c]`` in ``text``; the choices after ``||`` only with ``all_choices``."""

    def choice(match: re.Match[str]) -> str:
        early, _, late = match.group(1).partition("||")
        choices: list[str] = early.split("|") + (late.split("|") if late and all_choices else [])
        return rng.choice(choices)

    return re.sub(r"\[([^\]]*)\]", choice, text)


def fill(word: str, source: Source, rng: random.Random, used: set[str]) -> TaggedWords:
    """Return the words for one word of a template, each with its tag; no name occurs twice in a sentence."""
    if not word.startswith("{"):
        return [(word, "O")]
    slot = word[1:-1]
    if slot == "a_product":
        return [(rng.choice(["a", "the", "another"]), "O"), *fill("{product}", source, rng, used)]
    if slot not in TYPES:
        return [(rng.choice(source.plain[slot]), "O")]
    name = generate_name(slot, source.names, rng)
    while name in used:
        name = generate_name(slot, source.names, rng)
    used.add(name)
    return [(part, f"{'I' if index else 'B'}-{slot}") for index, part in enumerate(name.split())]


def generate_name(kind: str, names: Words, rng: random.Random) -> str:
    """Generate a name of one type."""
    forms = FORMS[kind]
    form = rng.choices(list(forms), weights=list(forms.values()))[0]

    def name_part(key: str) -> str:
        choices = names.get(key) or COMMON.get(key)
        return rng.choice(choices) if choices else key

    return " ".join("".join(name_part(key) for key in part.split("+")) for part in form.split())


def add_noise(sentence: TaggedWords, rng: random.Random) -> TaggedWords:
    """Return the sentence as it is or, in 14 % of all cases, in lower case, in capitals or without its full stop."""
    draw = rng.random()
    if draw < 0.06:
        return [(word.lower(), tag) for word, tag in sentence]
    if draw < 0.08:
        return [(word.upper(), tag) for word, tag in sentence]
    if draw < 0.14 and sentence[-1][0] == ".":
        return sentence[:-1]
    return sentence


def conll(sentence: TaggedWords) -> str:
    """Format a sentence as CoNLL: a line of word, tab, tag for each word, then a blank line."""
    return "".join(f"{word}\t{tag}\n" for word, tag in sentence) + "\n"


def to_text(sentence: Sequence[tuple[str, str]]) -> str:
    """Format a sentence as text, with the punctuation attached to the words."""
    text, opened, attach = "", False, True
    for word, _ in sentence:
        attach = attach or word.lower() in ATTACHED_LEFT or (word == '"' and opened)
        text += word if attach else f" {word}"
        opened ^= word == '"'
        attach = word == "(" or (word == '"' and opened)
    return text
