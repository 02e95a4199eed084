"""A linear chain over the words of a sentence, as it is trained: forward-backward (Lafferty et al. 2001).

In use it is decoded by ``nlptrain_runtime.chain``.

Legend: B chains, N words of the longest one, C labels. ``start`` and ``end`` are [B, C], what a chain gains by
beginning and ending with a label; ``transitions`` [C, C] from the row's label to the column's. What is forbidden has a
score of ``FORBIDDEN``, finite so that gradients stay numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nlptrain.models.heads.products import Products, reversal
from nlptrain_runtime.chain import FORBIDDEN

__all__ = [
    "FORBIDDEN",
    "forward_scores",
    "log_marginals",
    "marginals",
    "max_marginals",
    "path_scores",
    "possible_labels",
]


def forward_scores(
    emissions: Tensor,
    mask: Tensor,
    transitions: Tensor,
    start: Tensor,
    over: Callable[[Tensor, int], Tensor] = torch.logsumexp,
) -> Tensor:
    """For each word and label, the log of the summed exponentials of all paths that end there, [B, N, C].

    Behind the end of a chain, the scores of its last word are repeated.

    Args:
        emissions: [B, N, C].
        mask: [B, N], true at the words, which stand in front.
        transitions: [C, C], or [B, C, C] where chains have their own.
        start: [B, C].
        over: what is made of the scores of all paths; with ``torch.amax`` they are the best path's.
    """
    table = transitions if transitions.ndim == 3 else transitions.unsqueeze(0)
    score = start + emissions[:, 0]
    scores = [score]
    for place in range(1, emissions.shape[1]):
        moved = over(score.unsqueeze(2) + table, 1) + emissions[:, place]
        score = torch.where(mask[:, place, None], moved, score)
        scores.append(score)
    return torch.stack(scores, dim=1)


def log_marginals(
    emissions: Tensor, mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor
) -> tuple[Tensor, Tensor]:
    """The log-probability of each label of each word, [B, N, C], and the log of the partition function, [B].

    Forwards and backwards run as one batch: the backward scores are the forward ones of the reversed chains.
    """
    return _both_ways(emissions, mask, transitions, start, end, torch.logsumexp)


def max_marginals(emissions: Tensor, mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """The score of the best path through each label of each word, less that of the best of all, [B, N, C].

    The labels of score 0 are the best path's, unless several share that score (max-product; Wainwright, Jordan 2008,
    section 8.1).
    """
    return _both_ways(emissions, mask, transitions, start, end, torch.amax)[0]


def _both_ways(
    emissions: Tensor,
    mask: Tensor,
    transitions: Tensor,
    start: Tensor,
    end: Tensor,
    over: Callable[[Tensor, int], Tensor],
) -> tuple[Tensor, Tensor]:
    chains = len(emissions)
    turn = reversal(mask)
    turned = emissions.gather(1, turn.unsqueeze(-1).expand_as(emissions))
    tables = torch.stack([transitions, transitions.T]).repeat_interleave(chains, 0)
    both = forward_scores(
        torch.cat([emissions, turned]), torch.cat([mask, mask]), tables, torch.cat([start, end]), over
    )
    forwards, backwards = both[:chains], both[chains:]
    total = over(forwards[:, -1] + end, 1)
    backwards = backwards.gather(1, turn.unsqueeze(-1).expand_as(backwards))
    return forwards + backwards - emissions - total[:, None, None], total


def marginals(
    emissions: Tensor, mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor
) -> tuple[Tensor, Tensor]:
    """What ``log_marginals`` gives, faster, the more the more labels there are; gradients flow.

    Sums of products, each word's scaled to add up to 1 (Rabiner 1989, section V.A), take a matrix product where sums of
    exponentials take logarithms. What is less likely than the smallest number of its type gets a score of
    ``FORBIDDEN``, and no gradient; a batch in which sums come near that number is computed by logarithms.
    """
    found, total, exact = Products.apply(emissions, mask, transitions, start, end)
    if not bool(exact):
        return log_marginals(emissions, mask, transitions, start, end)
    return found, total


def path_scores(
    emissions: Tensor, mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor, path: Tensor
) -> Tensor:
    """The score of one path for each chain, [B]; ``path`` is [B, N], anything in range behind the end."""
    chosen = emissions.gather(2, path.unsqueeze(-1)).squeeze(-1)
    steps = transitions[path[:, :-1], path[:, 1:]]
    last = path.gather(1, (mask.sum(dim=1) - 1).clamp(min=0).unsqueeze(1))
    edges = start.gather(1, path[:, :1]) + end.gather(1, last)
    return (chosen * mask).sum(dim=1) + (steps * mask[:, 1:]).sum(dim=1) + edges.squeeze(1)


def possible_labels(mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Whether any path that is not forbidden has this label on this word, [B, N, C].

    Args:
        mask: [B, N].
        transitions: [C, C], true where allowed.
        start: [B, C], true where a chain may begin with a label.
        end: [B, C], true where it may end with it.
    """
    turn = reversal(mask)
    forwards = _reachable(mask.shape[1], transitions, start)
    backwards = _reachable(mask.shape[1], transitions.T, end)
    return forwards & backwards.gather(1, turn.unsqueeze(-1).expand_as(backwards))


def _reachable(places: int, allowed: Tensor, start: Tensor) -> Tensor:
    """Which labels a path from ``start`` [B, C] can have at each of the first ``places``, [B, places, C]."""
    table = allowed.float()
    reached = [start]
    for _ in range(1, places):
        here = (reached[-1].float() @ table) > 0
        # In a tag scheme nothing changes from the second or third place on; looking would make a GPU wait.
        if here.device.type == "cpu" and torch.equal(here, reached[-1]):
            break
        reached.append(here)
    rest = reached[-1].unsqueeze(1).expand(-1, places - len(reached), -1)
    return torch.cat([torch.stack(reached, dim=1), rest], dim=1)
