"""The `augment:` map: sentences made out of the train and the unlabeled ones, for the teacher to label."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nlptrain.config.section import Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class AugmentConfig(Section):
    """What is done to sentences to make new ones, each from 0 (never) to 1 (always)."""

    sentences: Literal["auto"] | Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        "auto",
        description="How many are made. auto: as many as bring train, unlabeled and made text together to a million words, but at most 300 for each train or unlabeled sentence.",
    )
    seed: int = Field(
        0, ge=0, lt=2**31, description="Decides which: runs of other seeds find the teacher's answers again."
    )
    swap: Share = Field(
        0.6,
        description="Share of the train sentences' entities that another one of theirs takes the place of, mostly one of the same type; of plain tags, a quarter of this share of all words, each by one of the same tag.",
    )
    join: Share = Field(0.35, description="Share of sentences that go on as another one from some word on.")
    insert: Share = Field(0.1, description="Share of sentences that get an entity where there was none.")
    replace: Share = Field(
        0.8,
        description="Share of sentences of which some words, up to four of five, are replaced: by neighbors among the teacher's input embeddings, words of its vocabulary, words made of two and, a tenth of them, those of an entity.",
    )
    noise: Share = Field(0.3, description="Share of sentences with words dropped, misspelled, or in another case.")
