"""Training data of spaCy, ``.spacy``: a ``DocBin``, whose documents have words, spaces, entities and sentences.

Words whose entity is missing (``-`` in spaCy) are unknown, so that their sentence is annotated in part. Spans in the
group ``incorrect_spans`` are known not to be entities, as for spaCy's entity recognizer; other groups are ignored.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptrain.data.formats import ReadContext, WriteContext
from nlptrain.data.formats.head import Head
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Span, spans_to_tags, tags_to_spans
from nlptrain.errors import InputError, Setting

if TYPE_CHECKING:
    from spacy.tokens import Doc, DocBin
    from spacy.tokens import Span as DocSpan

_ZLIB = (b"x\x01", b"x\x9c", b"x\xda")
_REJECTED = "incorrect_spans"
_ATTRIBUTES = ("ENT_IOB", "ENT_TYPE", "SENT_START", "TAG")
_POS = {"pos": "pos_", "upos": "pos_", "tag": "tag_", "xpos": "tag_"}


def is_spacy(head: Head) -> bool:
    """Return whether the file is a compressed ``DocBin``."""
    if not head.data.startswith(_ZLIB):
        return False
    try:
        return b"attrs" in zlib.decompressobj().decompress(head.data, 200)
    except zlib.error:
        return False


def read_spacy(path: Path, context: ReadContext) -> Iterator[Sentence]:
    """Read the sentences of the documents, or the documents where sentences are not marked; all in memory.

    With the scheme ``plain``, or ``upos`` or ``xpos`` as column of the tags, the tags are parts of speech.

    Raises:
        InputError: spaCy is not installed, or the file cannot be read.
    """
    docs = _load(path)
    ignored: dict[str, None] = {}
    for index, doc in enumerate(docs, start=1):
        location = f"{path}:{index}"
        ignored |= dict.fromkeys(name for name in doc.spans if name != _REJECTED)
        parts = list(doc.sents) if doc.has_annotation("SENT_START") else [doc[:]]
        for part in parts:
            if sentence := _sentence(part, doc, location, context):
                yield sentence
    if ignored:
        context.report.note(f"{path}: span groups {', '.join(ignored)}, ignored")


def write_spacy(sentences: Iterable[Sentence], paths: Sequence[Path], context: WriteContext) -> None:
    """Write a document for each sentence, with its words, spaces and entities; all in memory.

    Raises:
        InputError: spaCy is not installed.
    """
    _check_installed(paths[0])
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    vocab = Vocab()
    docs = DocBin(attrs=list(_ATTRIBUTES), store_user_data=True)
    for sentence in sentences:
        context.count_lost(sentence, has_scores=False, has_partial=not sentence.asked)
        docs.add(_doc(sentence, vocab, context))
    docs.to_disk(paths[0])


def _check_installed(path: Path) -> None:
    if not find_spec("spacy"):
        raise InputError("spaCy is not installed", location=str(path), hint="pip install 'nlptrain[spacy]'")


def _load(path: Path) -> Iterator[Doc]:
    _check_installed(path)
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    try:
        docs: DocBin = DocBin(store_user_data=True).from_disk(path)
        yield from docs.get_docs(Vocab())
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zlib.error) as error:
        reason = str(error).split("\n", 1)[0][:200] or type(error).__name__
        raise InputError(f"cannot be read as spaCy's DocBin: {reason}", location=str(path)) from error


def _sentence(part: DocSpan, doc: Doc, location: str, context: ReadContext) -> Sentence | None:
    tokens = [token for token in part if not token.text.isspace()]
    if not tokens:
        return None
    words = tuple(token.text for token in tokens)
    is_whole = len(part) == len(doc)
    text = doc.text if is_whole else doc.text[tokens[0].idx : tokens[-1].idx + len(tokens[-1].text)]
    identifier = doc.user_data.get("id")
    sentence_id = identifier if isinstance(identifier, str) else None
    attribute = _pos_attribute(doc, context)
    if attribute:
        tags = tuple(getattr(token, attribute) or "_" for token in tokens)
        return Sentence(words, tags, location, id=sentence_id, text=text)
    position = {token.i: index for index, token in enumerate(tokens)}
    spans = [span for entity in part.ents if (span := _word_span(entity, position))]
    rejected = [_word_span(span, position) for span in doc.spans.get(_REJECTED, ())]
    return Sentence(
        words,
        tuple(spans_to_tags(spans, len(words), "iob2")),
        location,
        id=sentence_id,
        text=text,
        asked=None if all(token.ent_iob for token in tokens) else frozenset(),  # 0: missing
        rejected=tuple(span for span in rejected if span),
    )


def _pos_attribute(doc: Doc, context: ReadContext) -> str | None:
    """Return the attribute with the parts of speech, if these are the tags that are read."""
    column = context.columns.tags
    if isinstance(column, str):
        if column.lower() not in _POS:
            expected = ", ".join(_POS)
            raise InputError(f"found {column!r}", location=Setting("data.columns.tags"), expected=f"one of {expected}")
        return _POS[column.lower()]
    if context.scheme != "plain":
        return None
    return "pos_" if doc.has_annotation("POS") else "tag_"


def _word_span(span: DocSpan, position: dict[int, int]) -> Span | None:
    """Return a span in words without white space; None: it has no label, or none of the words."""
    words = [position[token.i] for token in span if token.i in position]
    return Span(span.label_, words[0], words[-1] + 1) if words and span.label_ else None


def _doc(sentence: Sentence, vocab: Any, context: WriteContext) -> Doc:  # noqa: ANN401
    from spacy.tokens import Doc
    from spacy.tokens import Span as DocSpan

    words, spaces, positions = _tokens(sentence)
    starts: list[bool | int | None] = [index == 0 for index in range(len(words))]
    tags = None
    if context.scheme == "plain":
        tags = [""] * len(words)
        for position, tag in zip(positions, sentence.tags or (), strict=True):
            tags[position] = tag
    doc = Doc(vocab, words=words, spaces=spaces, sent_starts=starts, tags=tags)
    if sentence.id is not None:
        doc.user_data["id"] = sentence.id

    def span(entity: Span) -> DocSpan:
        return DocSpan(doc, positions[entity.start], positions[entity.end - 1] + 1, label=entity.label)

    if context.scheme != "plain":
        entities = [span(entity) for entity in tags_to_spans(sentence.tags or ())]
        doc.set_ents(entities, default="missing" if sentence.is_partial else "outside")
    if sentence.rejected:
        doc.spans[_REJECTED] = [span(entity) for entity in sentence.rejected]
    return doc


def _tokens(sentence: Sentence) -> tuple[list[str], list[bool], list[int]]:
    """Return the tokens, whether a space follows each, and the positions of the words among them.

    White space that is more than one space is a token of its own, as in spaCy.
    """
    text, offsets = sentence.as_text()
    words: list[str] = []
    spaces: list[bool] = []
    positions: list[int] = []
    end = 0
    for start, stop in [*offsets, (len(text), len(text))]:
        gap = text[end:start]
        if words and gap.startswith(" "):
            spaces[-1], gap = True, gap[1:]
        if gap:
            words.append(gap)
            spaces.append(False)
        if start < stop:
            positions.append(len(words))
            words.append(text[start:stop])
            spaces.append(False)
        end = stop
    return words, spaces, positions
