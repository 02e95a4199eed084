"""How long a student is trained where nobody says: by how much text there is."""

from __future__ import annotations

from nlptrain.config.train import FEWEST_STEPS, MOST_STEPS, PASSES, TrainConfig
from nlptrain.data.batches import BatchPlan


def planned_steps(plan: BatchPlan, config: TrainConfig) -> int:
    """The optimizer steps of a training: what ``config`` says, or, with ``train.steps: auto``, by the text.

    That is ``PASSES`` times as many as read every sentence once, but at least ``FEWEST_STEPS`` and at most
    ``MOST_STEPS``: little text has to be seen often before a student knows it, and of much text it sees enough in less
    than a pass. It does not depend on the seed.
    """
    if config.epochs is not None:
        return plan.steps_of(config.epochs)
    if config.steps != "auto":
        return int(config.steps or 1)
    return by_text(plan.steps_of_every())


def by_text(every: int) -> int:
    """The steps of ``train.steps: auto`` where ``every`` read each sentence once."""
    return min(MOST_STEPS, max(FEWEST_STEPS, PASSES * every))


def describe_length(plan: BatchPlan, steps: int, words: int) -> str:
    """A sentence for the log."""
    passes = steps / max(1, plan.steps_of_every())
    focus = plan.focus if plan.focus is not None and plan.focus.weights.any() else None
    drawn = f", {focus.share:.0%} of it drawn by rare labels" if focus is not None and focus.share else ""
    drawn += ", by the weights of data.unlabeled" if focus is not None and focus.sources is not None else ""
    return f"length: {steps:,} steps, {passes:,.1f} times as much text as there is ({words:,} words){drawn}"
