"""Spellings of tags in gold files: which part of a tag is its prefix, which its type, and which tag is no entity."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["tags", "brackets", "types", "plain", "unknown"]

WITHOUT_TYPE = "B without a type"  # the name of this spelling
_PREFIX = r"BEGIN|INSIDE|[BIESLUMW]"
_SEPARATOR = r"\s*[-_:/.|+\u2010-\u2015]\s*"
_PREFIXED = re.compile(rf"({_PREFIX}){_SEPARATOR}(\S.*)", re.IGNORECASE | re.DOTALL)
_SUFFIXED = re.compile(r"(.*\S)[-_:/.|+]([BIESLUMW])", re.DOTALL)
_SEVERAL = re.compile(r"[^|;,&][|;,&]\s*[BIESLU]-")  # B-PER|B-ORG
_BRACKETS = re.compile(r"(?:\([^()*\s]+)*\*?\)*")
_BARE = re.compile(rf"({_PREFIX})[-_:]?", re.IGNORECASE)
_DECORATED = re.compile(r"""["'\[<{](.+)["'\]>}]|(.*\w)[,;]""", re.DOTALL)  # "B-PER", [B-PER], B-PER,
_AS_PREFIX = {"M": "I", "W": "S"}  # of BMEWO and BMES
_OUTSIDE = (
    "O",
    "o",
    "0",
    "_",
    "-",
    "OUT",
    "OUTSIDE",
    "Outside",
    "outside",
    "OTHER",
    "Other",
    "other",
    "out",
    "NONE",
    "None",
    "none",
    "null",
    "*",
    "",
)
_OUTSIDE_TYPES = ("O", "o", "0", "OUT", "OTHER", "Other", "other", "out", "NONE", "None", "none", "null", "_", "-")
_TAG_NAME = re.compile(r"[A-Z][A-Z0-9$|:.,+*/=_<>'-]*|[^\w\s]+")  # PTB, UPOS and the like
_TYPE_NAME = re.compile(r"[A-Za-z][a-z_-]{2,}\w*")  # rather than a part of speech
_MIN_OUTSIDE = 0.05  # of the words, next to types without a prefix
_MIN_SHARE = 0.5  # of the entity tags that have a prefix; the others are faults
_MIN_UNUSUAL = 0.3  # of the words, whose tag has no known name for what is outside of entities
_NAMED_SHARE = 0.9  # of the words whose tags look like names of tags
_UPOS = frozenset("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split())
_PTB = frozenset(
    "CC CD DT EX FW IN JJ JJR JJS LS MD NN NNS NNP NNPS PDT POS PRP PRP$ RB RBR RBS RP SYM TO UH VB VBD VBG VBN VBP "
    "VBZ WDT WP WP$ WRB HYPH NFP ADD AFX . , : `` '' \" ( ) -LRB- -RRB- # $".split()
)
_MAX_TYPES = 200
_MAX_TAGS = 4000  # that are plain; rich morphology has 2,000
_MANY, _MAX_SINGLE = 1000, 0.1  # words, and the share of them whose tag occurs once, at most
_MAX_CLASSES = 100  # whose names are numbers; more are offsets
_COMBINED = re.compile(r"[\^&|+ ,;][BIESLU]-|(?:^|[\^&|+])O[\^&|+]|(?:^|[\^&|+ ,;])[BIESLU]-\S*[\^&|+,;]")
_NUMBER = re.compile(r"\d{1,18}")


@dataclass(frozen=True)
class Spelling:
    """How the tags of a file are written.

    Attributes:
        kind: ``tags``: prefix and type; ``brackets``: ``(PER* *)``; ``types``: types without a prefix; ``plain``: tags
            that are no entities; ``unknown``: none of these.
        name: for the log, e.g. ``B_TYPE``; "": the usual one.
        tags: each tag as ``O`` or ``PREFIX-TYPE``; tags that are missing have no reading. Of brackets and plain tags,
            empty.
        others: the tags that are written differently from most of the others.
    """

    kind: Kind
    name: str = ""
    tags: Mapping[str, str] | None = None
    others: frozenset[str] = frozenset()


def find_spelling(counts: Counter[str], entity_type: str) -> Spelling:
    """Return the spelling of the tags of a file.

    Args:
        counts: how often each tag occurs.
        entity_type: the type of tags that have none.

    Example:
        >>> find_spelling(Counter({"O": 9, "B_PER": 2, "I_PER": 1}), "ENTITY")
        Spelling(kind='tags', name='B_TYPE', tags={'O': 'O', 'B_PER': 'B-PER', 'I_PER': 'I-PER'})
    """
    if any(map(_DECORATED.fullmatch, counts)) and (spelling := _without_decoration(counts, entity_type)):
        return spelling
    outside = next((tag for tag in _OUTSIDE if tag in counts), None) or _unusual_outside(counts)
    entities = Counter({tag: count for tag, count in counts.items() if tag not in (*_OUTSIDE, outside)})
    total = entities.total()
    if not entities and outside in ("O", "o", "0"):
        return _of_tags({}, counts, outside)
    for read, share in ((_read_prefixed, _MIN_SHARE), (_read_suffixed, _NAMED_SHARE)):
        tags = {tag: parts for tag in entities if (parts := read(tag))}
        if total and sum(entities[tag] for tag in tags) >= share * total and _has_start(tags, outside):
            return _of_tags(tags, counts, outside)
    if total and _is_bracketed(counts):
        return Spelling("brackets", "(TYPE* *)")
    bare = {tag: match[1][0].upper() for tag in entities if (match := _BARE.fullmatch(tag))}
    is_bare = sum(entities[tag] for tag in bare) >= _NAMED_SHARE * total and bool({"B", "I"} & set(bare.values()))
    if total and outside and is_bare:
        return _of_tags({tag: (letter, entity_type) for tag, letter in bare.items()}, counts, outside, WITHOUT_TYPE)
    return _without_prefix(counts)


def _unusual_outside(counts: Counter[str]) -> str | None:
    """Return the only tag without a prefix, if the others are those of entities: it is what they call ``O``."""
    parts = {tag: _read_prefixed(tag) for tag in counts}
    others = [tag for tag, read in parts.items() if read is None]
    starts, insides = ({read[1] for read in parts.values() if read and read[0] == prefix} for prefix in "BI")
    if len(others) != 1 or not starts or len(starts) < 2 and not starts & insides or _BARE.fullmatch(others[0]):
        return None
    return others[0] if counts[others[0]] >= _MIN_UNUSUAL * counts.total() else None


def _without_decoration(counts: Counter[str], entity_type: str) -> Spelling | None:
    """Return the spelling of tags in quotes, in brackets or before a comma; None if they are not tags of entities."""
    plain = {tag: next(filter(None, match.groups())) if (match := _DECORATED.fullmatch(tag)) else tag for tag in counts}
    undecorated = Counter[str]()
    for tag, count in counts.items():
        undecorated[plain[tag]] += count
    spelling = find_spelling(undecorated, entity_type)
    if spelling.tags is None:
        return None
    tags = {tag: spelling.tags[plain[tag]] for tag in counts if plain[tag] in spelling.tags}
    decorated = Counter({tag: count for tag, count in counts.items() if tag != plain[tag]})
    is_usual = decorated.total() * 2 > sum(count for tag, count in counts.items() if tags.get(tag, "O") != "O")
    name = f"{spelling.name or 'B-TYPE'}, in quotes, in brackets or before a comma" if is_usual else spelling.name
    return Spelling(spelling.kind, name, tags)


def read_bracketed(tags: Sequence[str]) -> list[str] | None:
    """Return tags like ``(PER*``, ``*`` and ``*)`` as IOB2, of nested entities the outermost; None if they are invalid.

    Example:
        >>> read_bracketed(["(PER*", "*)", "*", "(LOC)"])
        ['B-PER', 'I-PER', 'O', 'B-LOC']
    """
    labels: list[str] = []
    result = []
    for tag in tags:
        opened = re.findall(r"\(([^()*\s]+)", tag)
        is_start = bool(opened) and not labels
        labels += opened
        result.append("O" if not labels else f"{'B' if is_start else 'I'}-{labels[0]}")
        closed = tag.count(")")
        if closed > len(labels) or not _BRACKETS.fullmatch(tag):
            return None
        del labels[len(labels) - closed :]
    return None if labels else result


def is_tag_set(counts: Counter[str]) -> bool:
    """Return whether ``counts`` looks like those of a closed set of tags, as of parts of speech."""
    total = counts.total()
    in_capitals = sum(count for tag, count in counts.items() if _TAG_NAME.fullmatch(tag))
    is_small = len(counts) <= min(max(1, total // 3), _MAX_TAGS)
    if total >= _MANY and sum(count == 1 for count in counts.values()) > _MAX_SINGLE * total:  # lemmas
        return False
    return is_small or (in_capitals >= _NAMED_SHARE * total and len(counts) <= 100)


def is_upos(counts: Counter[str]) -> bool:
    """Return whether nearly all tags are universal parts of speech, of at least two kinds."""
    known = sum(count for tag, count in counts.items() if tag in _UPOS)
    return len(counts) > 1 and known >= _NAMED_SHARE * counts.total()


def is_part_of_speech(counts: Counter[str]) -> bool:
    """Return whether nearly all tags are universal parts of speech, or those of the Penn Treebank, of two kinds."""
    known = sum(count for tag, count in counts.items() if tag in _PTB)
    is_ptb = known >= _NAMED_SHARE * counts.total() and any(tag.isalpha() for tag in counts)
    return is_upos(counts) or (len(counts) > 1 and is_ptb)


def are_numbers(counts: Counter[str]) -> bool:
    """Return whether all tags are numbers of classes."""
    return len(counts) > 1 and all(_NUMBER.fullmatch(tag) for tag in counts)


def _read_prefixed(tag: str) -> tuple[str, str] | None:
    match = _PREFIXED.fullmatch(tag.strip())
    return (match[1][0].upper(), match[2]) if match and not _SEVERAL.search(tag) else None


def _read_suffixed(tag: str) -> tuple[str, str] | None:
    match = _SUFFIXED.fullmatch(tag.strip())
    return (match[2], match[1]) if match else None


def _has_start(tags: Mapping[str, tuple[str, str]], outside: str | None) -> bool:
    """Return whether prefixes are those of entities, rather than the first letters of plain tags such as ``S-adj``.

    Entities of several words have a start; ``E-MAIL`` is a type.
    """
    prefixes = {prefix for prefix, _ in tags.values()}
    return bool(prefixes & {"B", "I"}) or (outside in ("O", "o") and bool(prefixes & {"S", "U", "W"}))


def _of_tags(
    tags: Mapping[str, tuple[str, str]], counts: Counter[str], unusual_outside: str | None, name: str = ""
) -> Spelling:
    """Return the spelling with these prefixes and types; tags in another spelling are read where they can be."""
    known_types = {label for _, label in tags.values()}
    mapping: dict[str, str] = {}
    for tag in counts:
        if parts := tags.get(tag) or _read_prefixed(tag):
            mapping[tag] = f"{_AS_PREFIX.get(parts[0], parts[0])}-{parts[1]}"
        elif tag.strip() in (*_OUTSIDE, unusual_outside):
            mapping[tag] = "O"
        elif tag.strip() in known_types or _is_type(tag, counts):
            mapping[tag] = f"I-{tag.strip()}"
    form, outside = _usual_forms(tags, counts, unusual_outside)
    others = {
        tag
        for tag in mapping
        if (tag not in tags and tag != outside) or (tag in tags and _form(tag, tags[tag]) != form)
    }
    return Spelling("tags", name or _spelling_name(tags, form, outside), mapping, frozenset(others))


def _is_type(tag: str, counts: Counter[str]) -> bool:
    """Return whether a tag without a prefix, next to tags with prefixes, is a type: a frequent name in capitals."""
    is_name = len(tag) > 2 and tag.isalpha() and tag.isupper() and tag not in _UPOS and tag not in _PTB
    return is_name and counts[tag] >= 5 and counts[tag] >= 0.01 * counts.total()


def _form(tag: str, parts: tuple[str, str]) -> str:
    """Return how a tag is written, with ``B`` for any prefix and ``TYPE`` for its type."""
    prefix, label = parts
    text = tag.strip()
    start = text.rfind(label)
    if start < 0:
        return "B"
    before, after = text[:start], text[start + len(label) :]
    if word := re.match(r"[A-Za-z]+", before):
        letter = "B" if len(word[0]) == 1 else "Begin"
        return f"{letter if word[0][0].isupper() else letter.lower()}{before[word.end() :]}TYPE{after}"
    return f"{before}TYPE{after[:-1]}B" if after.endswith(prefix) else f"{before}TYPE{after}"


def _usual_forms(
    tags: Mapping[str, tuple[str, str]], counts: Counter[str], unusual_outside: str | None
) -> tuple[str, str]:
    """Return how most of the tags, and of those outside of entities, are written."""
    forms = Counter[str]()
    for tag, parts in tags.items():
        forms[_form(tag, parts)] += counts[tag]
    outside_tags = [tag for tag in counts if tag in (*_OUTSIDE, unusual_outside)]
    outside = max(outside_tags, key=lambda tag: counts[tag], default="O")
    return (forms.most_common(1)[0][0] if forms else "B-TYPE"), outside


def _spelling_name(tags: Mapping[str, tuple[str, str]], form: str, outside: str) -> str:
    """Return how most of the tags are written; "" for ``B-TYPE`` and ``O``."""
    name = "" if form == "B-TYPE" else form
    if outside != "O":
        name = f"{name or 'B-TYPE'} and {outside or 'nothing'}"
    if any(prefix in "MW" for prefix, _ in tags.values()):
        name = "BMEWO" if any(prefix == "W" for prefix, _ in tags.values()) else "BMES"
    return name


def _is_bracketed(counts: Counter[str]) -> bool:
    matching = sum(count for tag, count in counts.items() if tag and _BRACKETS.fullmatch(tag))
    opened = sum(count for tag, count in counts.items() if tag.startswith("(") and len(tag) > 1)
    return bool(opened) and matching >= _NAMED_SHARE * counts.total()


def types_without_prefix(counts: Counter[str], outside: str = "O") -> Spelling:
    """Return the spelling of types without a prefix."""
    return Spelling("types", "TYPE", {tag: "O" if tag == outside else f"I-{tag.strip()}" for tag in counts})


def _without_prefix(counts: Counter[str]) -> Spelling:
    """Return whether tags without a prefix are types of entities, where ``O`` dominates, or plain tags."""
    (most_common, highest), total = counts.most_common(1)[0], counts.total()
    outside = next((tag for tag in _OUTSIDE_TYPES if counts[tag] == highest), most_common)
    is_certain = outside in ("O", "o") and highest * 4 >= total
    others = [tag for tag in counts if tag != "O"]
    if not is_certain and counts["O"] >= _MIN_OUTSIDE * total and all(map(_TYPE_NAME.fullmatch, others)):
        outside, is_certain = "O", True  # most words are in entities, as in addresses
    others = [tag for tag in counts if tag != outside]
    # O^B-PER, tags of several words, and B-PER, tags with a prefix, are no types.
    combined = sum(
        counts[tag] for tag in others if _COMBINED.search(tag) or (outside == "O" and tag[:2] in ("B-", "I-"))
    )
    are_numbers_of_many = len(counts) > _MAX_CLASSES and are_numbers(counts)
    if are_numbers_of_many or combined > _MIN_OUTSIDE * (total - counts[outside]):
        return Spelling("unknown")
    has_features = sum(counts[tag] for tag in others if "=" in tag) * 2 > total - counts[outside]
    are_plain = has_features or sum(tag.upper() in _UPOS for tag in others) * 2 > len(others)
    if outside in _OUTSIDE_TYPES and not are_plain and (is_certain or highest * 2 > total):
        if 1 < len(counts) <= _MAX_TYPES:
            return types_without_prefix(counts, outside)
    return Spelling("plain") if is_tag_set(counts) else Spelling("unknown")
