"""Forward-backward over linear chains with gradients, to train a CRF (Lafferty et al. 2001).

Predictions are decoded by ``nlptrain_runtime.chain``.

Legend: B sequences, N words of the longest one, C labels. ``start`` and ``end`` [B, C] are the scores of starting and
ending with a label; ``transitions`` [C, C] from the row's label to the column's. Forbidden transitions score
``FORBIDDEN``, which is finite so that gradients are not NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nlptrain_runtime.transition_tables import FORBIDDEN

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
    """Return, for each word and label, the log of the summed exponentials of all paths that end there, [B, N, C].

    After the end of a sequence, the scores of its last word are repeated.

    Args:
        emissions: [B, N, C].
        mask: [B, N], true at the words; padding is on the right.
        transitions: [C, C], or [B, C, C] if sequences have their own.
        start: [B, C].
        over: reduces the scores of all paths; with ``torch.amax`` the result is the best path's score.
    """
    table = transitions if transitions.ndim == 3 else transitions.unsqueeze(0)
    score = start + emissions[:, 0]
    scores = [score]
    for step in range(1, emissions.shape[1]):
        following = over(score.unsqueeze(2) + table, 1) + emissions[:, step]
        score = torch.where(mask[:, step, None], following, score)
        scores.append(score)
    return torch.stack(scores, dim=1)


def log_marginals(
    emissions: Tensor, mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the log-probability of each label of each word, [B, N, C], and the log of the partition function, [B].

    Both directions run as one batch: the backward scores are the forward scores of the reversed sequences.
    """
    return _both_ways(emissions, mask, transitions, start, end, torch.logsumexp)


def max_marginals(emissions: Tensor, mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return the score of the best path through each label of each word, minus the best score of all, [B, N, C].

    The labels of score 0 are the best path, unless several paths share that score (max-product; Wainwright and Jordan
    2008, section 8.1).
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
    turn = reversed_positions(mask)
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
    """Return the same as ``log_marginals``, faster, above all with many labels; gradients flow.

    The recursion is a matrix product of probabilities that are normalized per word (Rabiner 1989, section V.A), without
    logarithms. A probability below the smallest float gets the score ``FORBIDDEN`` and no gradient; a batch whose sums
    come near that float is computed in log space.
    """
    log_probs, total, is_accurate = ScaledProducts.apply(emissions, mask, transitions, start, end)
    if not bool(is_accurate):
        return log_marginals(emissions, mask, transitions, start, end)
    return log_probs, total


def path_scores(
    emissions: Tensor, mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor, path: Tensor
) -> Tensor:
    """Return the score of one path per sequence, [B]; ``path`` is [B, N], with any valid label as padding."""
    chosen = emissions.gather(2, path.unsqueeze(-1)).squeeze(-1)
    steps = transitions[path[:, :-1], path[:, 1:]]
    last = path.gather(1, (mask.sum(dim=1) - 1).clamp(min=0).unsqueeze(1))
    edges = start.gather(1, path[:, :1]) + end.gather(1, last)
    return (chosen * mask).sum(dim=1) + (steps * mask[:, 1:]).sum(dim=1) + edges.squeeze(1)


def possible_labels(mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return whether any allowed path has this label on this word, [B, N, C].

    Args:
        mask: [B, N].
        transitions: [C, C], true if allowed.
        start: [B, C], true if a sequence may start with a label.
        end: [B, C], true if it may end with the label.
    """
    turn = reversed_positions(mask)
    forwards = _reachable(mask.shape[1], transitions, start)
    backwards = _reachable(mask.shape[1], transitions.T, end)
    return forwards & backwards.gather(1, turn.unsqueeze(-1).expand_as(backwards))


def _reachable(steps: int, allowed: Tensor, start: Tensor) -> Tensor:
    """Return which labels a path from ``start`` [B, C] can have at each of the first ``steps``, [B, steps, C]."""
    table = allowed.float()
    reached = [start]
    for _ in range(1, steps):
        following = (reached[-1].float() @ table) > 0
        # In a tag scheme nothing changes after the second or third step; the comparison would synchronize a GPU.
        if following.device.type == "cpu" and torch.equal(following, reached[-1]):
            break
        reached.append(following)
    rest = reached[-1].unsqueeze(1).expand(-1, steps - len(reached), -1)
    return torch.cat([torch.stack(reached, dim=1), rest], dim=1)


class ScaledProducts(torch.autograd.Function):
    """Forward-backward with scaled products; the gradients take one more pass in each direction.

    Legend: D = 2 directions in one batch; in the second the sequences are reversed. At each step, ``before`` sums the
    paths that lead to a label, without the word itself; ``left`` includes the word, normalized, and is the input of the
    next step: before[n + 1] = left[n] @ table. Steps are the first dimension, [N, D, B, C], so that each is contiguous.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's context
        emissions: Tensor,
        mask: Tensor,
        transitions: Tensor,
        start: Tensor,
        end: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the log-marginals, the log of the partition function, and whether no sum came near underflow."""
        limits = torch.finfo(emissions.dtype)
        least = limits.tiny / limits.eps**2  # next to a sum above this, what underflows is negligible
        turn = reversed_positions(mask).unsqueeze(-1).expand_as(emissions)
        # Constants that are factored out of the products, and added to the total again.
        highest, most = emissions.amax(2, True), transitions.max()
        edges = torch.stack([start, end])
        edge = edges.amax(2, True)
        factors, tables = (emissions - highest).exp(), (torch.stack([transitions, transitions.T]) - most).exp()
        both = torch.stack([factors, factors.gather(1, turn)]).permute(2, 0, 1, 3).contiguous()
        before, left, sums = _normalized_sums(both, tables, (edges - edge).exp())
        fronts, backs = before.permute(1, 2, 0, 3)
        shares = fronts * factors * backs.gather(1, turn)
        total = shares.sum(dim=2)
        scales = sums[:, 0, :, 0].T
        is_accurate = (total > least)[mask].all() & (scales > least)[mask].all()  # false for NaN, too
        likely = shares > 0
        log_probs = torch.where(likely, shares, 1).log() - total.log().unsqueeze(2)
        log_probs = log_probs.masked_fill(~likely, FORBIDDEN)
        last = (mask.sum(dim=1, keepdim=True) - 1).clamp(min=0)
        not_last = mask.scatter(1, last, False)
        taken = (highest[:, :, 0] * mask).sum(dim=1) + edge.sum(dim=(0, 2)) + most * not_last.sum(dim=1)
        inner = torch.where(not_last, scales, 1).log().sum(dim=1) + total.gather(1, last).squeeze(1).log() + taken
        ctx.save_for_backward(log_probs, mask, turn, tables, before, left, last)
        ctx.mark_non_differentiable(is_accurate)
        return log_probs, inner, is_accurate

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - torch's context
        """Return the gradients of emissions, transitions, start and end.

        log_probs = log before[0] + emission + log before[1] - total; each ``before`` passes its gradient on to the
        previous step, in proportion to the paths that came from there.
        """
        log_probs, mask, turn, tables, before, left, last = ctx.saved_tensors
        given = torch.where(mask.unsqueeze(2) & (log_probs > FORBIDDEN), gradients[0], 0)
        whole = gradients[1] - given.sum(dim=(1, 2))
        # The total is the sum over the paths that reach the last word: its gradient enters there.
        final = (
            whole[:, None] * log_probs.gather(1, last.unsqueeze(2).expand(-1, 1, log_probs.shape[2])).squeeze(1).exp()
        )
        own = given.scatter_add(1, last.unsqueeze(2).expand(-1, 1, log_probs.shape[2]), final.unsqueeze(1))
        left = torch.where(mask.T[:, None, :, None], left, 0)  # the padding may hold anything
        passing = torch.where(before >= torch.finfo(before.dtype).tiny, before.reciprocal(), 0)
        # The gradient of each step, to which that of the following step is added.
        into = torch.stack([own, given.gather(1, turn)]).permute(2, 0, 1, 3).contiguous()
        shares, back, moved = torch.empty_like(into), tables.transpose(1, 2).contiguous(), torch.empty_like(into[0])
        steps = list(zip(into.unbind(), shares.unbind(), passing.unbind(), left.unbind(), strict=True))
        for (previous, _, _, reached), (gradient, share, passed, _) in zip(steps[-2::-1], steps[:0:-1], strict=True):
            torch.mul(gradient, passed, out=share)
            torch.bmm(share, back, out=moved)
            previous.addcmul_(moved, reached)
        forwards, backwards = into.permute(1, 2, 0, 3)
        reversed_ = (backwards - given.gather(1, turn)).gather(1, turn)
        before_all, after_all = left[:-1].transpose(0, 1).flatten(1, 2), shares[1:].transpose(0, 1).flatten(1, 2)
        table = tables * torch.bmm(before_all.transpose(1, 2), after_all)
        return forwards + reversed_, None, table[0] + table[1].T, into[0, 0], into[0, 1] + final


def _normalized_sums(both: Tensor, tables: Tensor, edges: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``before`` and ``left`` of ``ScaledProducts``, [N, D, B, C], and the sums that normalize ``left``.

    Args:
        both: the factors of the words, [N, D, B, C].
        tables: [D, C, C].
        edges: the start scores of each direction, [D, B, C].

    The sums are [N, D, B, 1].
    """
    before, left, sums = torch.empty_like(both), torch.empty_like(both), torch.empty_like(both[..., :1])
    before[0] = edges
    steps = list(zip(before.unbind(), both.unbind(), left.unbind(), sums.unbind(), strict=True))
    for step, (reached, factor, scaled, scale) in enumerate(steps):
        torch.mul(reached, factor, out=scaled)
        torch.sum(scaled, 2, keepdim=True, out=scale)
        scaled.div_(scale)
        if step + 1 < len(steps):
            torch.bmm(scaled, tables, out=steps[step + 1][0])
    return before, left, sums


def reversed_positions(mask: Tensor) -> Tensor:
    """Return the position of each word in the reversed sequence, [B, N]; padding stays on the right."""
    positions = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    last = mask.sum(dim=1, keepdim=True) - 1
    return torch.where(mask, last - positions, positions)
