"""What a run will make of its text where nobody says, told before the text is read."""

from __future__ import annotations

from nlptrain.config.augment import AugmentConfig
from nlptrain.config.train import FEWEST_STEPS, MOST_STEPS, PASSES, TrainConfig
from nlptrain.distillation.augmentation import ENOUGH_WORDS, MOST_PER_SENTENCE


def describe_plan(train: TrainConfig, augment: AugmentConfig | None = None) -> str | None:
    """A sentence for the log on what follows from how much text there is; None if nothing does.

    What it comes to is said when the text is known: by ``add_synthetic_sentences``, and by ``describe_length``.
    """
    rules = []
    if augment is not None and augment.sentences == "auto":
        rules.append(
            f"sentences are made up to {ENOUGH_WORDS:,} words, at most {MOST_PER_SENTENCE} for each there is (augment)"
        )
    if train.steps == "auto":
        rules.append(
            f"{PASSES} readings of it all, but {FEWEST_STEPS:,} steps at least and {MOST_STEPS:,} at most (train.steps)"
        )
    return f"by how much text there is: {'; '.join(rules)}" if rules else None
