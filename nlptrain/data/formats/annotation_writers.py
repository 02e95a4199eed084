"""Write texts with labeled spans as rows of annotation tools; ``annotation_tools`` reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nlptrain.data.formats import WriteContext
from nlptrain.data.formats.annotated_text import AnnotatedText, TextSpan, to_annotated_text
from nlptrain.data.formats.fields import json_line
from nlptrain.data.sentence import Sentence


def entities_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield texts with entities, a row per sentence."""
    return _row_lines(_entities_row, sentences, context, has_partial=True)


def prodigy_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield rows as Prodigy writes them."""
    return _row_lines(_prodigy_row, sentences, context)


def doccano_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield rows as doccano writes them."""
    return _row_lines(_doccano_row, sentences, context, has_scores=False)


def labelstudio_lines(sentences: Iterable[Sentence], context: WriteContext) -> Iterator[str]:
    """Yield one JSON list of tasks of Label Studio, with one annotation each."""
    separator = "[\n"
    for sentence in sentences:
        annotated = to_annotated_text(sentence, context.scheme)
        context.count_lost(sentence, has_partial=False)
        result = [
            {
                "value": {
                    "start": span.start,
                    "end": span.end,
                    "text": span.text,
                    "labels": [span.label],
                },
                "from_name": "label",
                "to_name": "text",
                "type": "labels",
                **_score_field(span),
            }
            for span in annotated.spans
        ]
        data = {"text": annotated.text, "tokens": annotated.offsets}
        row = {**_id_field(annotated), "data": data, "annotations": [{"result": result}]}
        yield separator + json_line(row).rstrip("\n")
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _row_lines(
    to_row: Callable[[AnnotatedText], dict[str, Any]],
    sentences: Iterable[Sentence],
    context: WriteContext,
    *,
    has_scores: bool = True,
    has_partial: bool = False,
) -> Iterator[str]:
    for sentence in sentences:
        context.count_lost(sentence, has_scores=has_scores, has_partial=has_partial)
        yield json_line(to_row(to_annotated_text(sentence, context.scheme)))


def _entities_row(annotated: AnnotatedText) -> dict[str, Any]:
    row = {**_id_field(annotated), "text": annotated.text, "entities": list(map(_span_row, annotated.spans))}
    row["tokens"] = annotated.offsets
    if annotated.asked is not None:
        row["asked"] = sorted(annotated.asked)
    if annotated.rejected:
        row["rejected"] = list(map(_span_row, annotated.rejected))
    return row


def _span_row(span: TextSpan) -> dict[str, Any]:
    return {"start": span.start, "end": span.end, "label": span.label, **_score_field(span)}


def _score_field(span: TextSpan) -> dict[str, float]:
    return {} if span.score is None else {"score": span.score}


def _prodigy_row(annotated: AnnotatedText) -> dict[str, Any]:
    text, offsets = annotated.text, annotated.offsets or ()
    first: dict[int | None, int] = {start: index for index, (start, _) in enumerate(offsets)}
    last: dict[int | None, int] = {end: index for index, (_, end) in enumerate(offsets)}
    tokens = [
        {"text": text[start:end], "start": start, "end": end, "id": index, "ws": text[end : end + 1].isspace()}
        for index, (start, end) in enumerate(offsets)
    ]
    spans = [
        {
            "start": span.start,
            "end": span.end,
            "token_start": first[span.start],
            "token_end": last[span.end],
            "label": span.label,
            **_score_field(span),
        }
        for span in annotated.spans
    ]
    row = {"text": text, "tokens": tokens, "spans": spans, "_view_id": "ner_manual", "answer": "accept"}
    return {**_id_field(annotated), **row}


def _doccano_row(annotated: AnnotatedText) -> dict[str, Any]:
    labels = [[span.start, span.end, span.label] for span in annotated.spans]
    return {**_id_field(annotated), "text": annotated.text, "label": labels, "tokens": annotated.offsets}


def _id_field(annotated: AnnotatedText) -> dict[str, Any]:
    return {} if annotated.id is None else {"id": annotated.id}
