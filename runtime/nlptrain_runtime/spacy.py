"""A component of spaCy's pipelines: ``nlp.add_pipe("nlptrain", config={"model": FOLDER})`` sets ``doc.ents``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import tee
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import filter_spans

from nlptrain_runtime.tagger import Tagger


class TaggerComponent:
    """Entities of an exported tagger as ``doc.ents``, plain tags as ``token.tag_``.

    The tagger cuts the text into words by its own rule. Where these are not spaCy's tokens, an entity is all tokens
    that it touches, and a token has the tag of the word in which it begins. Entities that components in front of it
    have set stay, as with spaCy's own ``ner``; what overlaps them is left out.

    Attributes:
        tagger: what is asked.
    """

    def __init__(self, tagger: Tagger) -> None:
        """Ask ``tagger``."""
        self.tagger = tagger

    def __call__(self, doc: Doc) -> Doc:
        """``doc`` with what the tagger says of its text."""
        (answer,) = self.tagger.predict([doc.text])
        return _told(doc, answer)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """The documents of ``stream``, ``batch_size`` of them read at once."""
        docs, read = tee(stream)
        for doc, answer in zip(docs, self.tagger.stream((doc.text for doc in read), block=batch_size), strict=True):
            yield _told(doc, answer)


@Language.factory("nlptrain", default_config={"threads": 1, "min_confidence": None})
def make_component(nlp: Language, name: str, model: str, threads: int, min_confidence: float | None) -> TaggerComponent:
    """The component of a pipeline's configuration.

    Args:
        nlp: the pipeline.
        name: of the component in it.
        model: the folder that ``nlptrain export`` wrote.
        threads: CPU threads that the net runs on.
        min_confidence: entities of a lower one are left out; None: what the folder says.

    Raises:
        FolderError: the folder cannot be used.
    """
    return TaggerComponent(Tagger(model, threads=threads, min_confidence=min_confidence))


def _told(doc: Doc, answer: dict[str, Any]) -> Doc:
    if "words" in answer:
        words = iter(answer["words"])
        word = next(words, None)
        for token in doc:
            while word is not None and word["end"] <= token.idx:
                word = next(words, None)
            if word is not None and word["start"] <= token.idx and word["tag"] is not None:
                token.tag_ = word["tag"]
        return doc
    found = (
        doc.char_span(part["start"], part["end"], label=part["label"], alignment_mode="expand")
        for part in answer["entities"]
    )
    taken = {token.i for one in doc.ents for token in one}  # what stands in the pipeline before has said
    spans = [span for span in found if span is not None and taken.isdisjoint(range(span.start, span.end))]
    doc.ents = [*doc.ents, *filter_spans(spans)]
    return doc
