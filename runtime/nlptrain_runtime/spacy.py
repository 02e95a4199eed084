"""A spaCy pipeline component: ``nlp.add_pipe("nlptrain", config={"model": FOLDER})`` sets ``doc.ents``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import tee
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import filter_spans

from nlptrain_runtime.tagger import Tagger


class TaggerComponent:
    """Sets the entities of an exported tagger as ``doc.ents``, plain tags as ``token.tag_``.

    The tagger splits the text into words by its own rule. If these differ from spaCy's tokens, an entity contains all
    tokens that it overlaps, and a token has the tag of the word in which it starts. Entities that earlier components
    have set are kept, as by spaCy's own ``ner``; entities that overlap them are ignored.

    Attributes:
        tagger: the exported tagger.
    """

    def __init__(self, tagger: Tagger) -> None:
        """Use ``tagger``."""
        self.tagger = tagger

    def __call__(self, doc: Doc) -> Doc:
        """Return ``doc`` with the predictions for its text."""
        (prediction,) = self.tagger.predict([doc.text])
        return _set_predictions(doc, prediction)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """Yield the documents of ``stream`` with predictions, in batches of ``batch_size``."""
        docs, docs_to_read = tee(stream)
        predictions = self.tagger.stream((doc.text for doc in docs_to_read), block=batch_size)
        for doc, prediction in zip(docs, predictions, strict=True):
            yield _set_predictions(doc, prediction)


@Language.factory("nlptrain", default_config={"threads": 1, "min_confidence": None})
def make_component(nlp: Language, name: str, model: str, threads: int, min_confidence: float | None) -> TaggerComponent:
    """Create the component of a pipeline.

    Args:
        nlp: the pipeline.
        name: of the component in the pipeline.
        model: a folder written by ``nlptrain export``.
        threads: CPU threads of the model.
        min_confidence: entities below it are omitted; None: that of the folder.

    Raises:
        FolderError: the folder cannot be used.
    """
    return TaggerComponent(Tagger(model, threads=threads, min_confidence=min_confidence))


def _set_predictions(doc: Doc, prediction: dict[str, Any]) -> Doc:
    if "words" in prediction:
        words = iter(prediction["words"])
        word = next(words, None)
        for token in doc:
            while word is not None and word["end"] <= token.idx:
                word = next(words, None)
            if word is not None and word["start"] <= token.idx and word["tag"] is not None:
                token.tag_ = word["tag"]
        return doc
    candidates = (
        doc.char_span(entity["start"], entity["end"], label=entity["label"], alignment_mode="expand")
        for entity in prediction["entities"]
    )
    taken = {token.i for entity in doc.ents for token in entity}  # entities of earlier components
    spans = [span for span in candidates if span is not None and taken.isdisjoint(range(span.start, span.end))]
    doc.ents = [*doc.ents, *filter_spans(spans)]
    return doc
