"""A linear chain over the words of a sentence, as it is trained: forward-backward (Lafferty et al. 2001).

In use it is decoded by ``nlptrain_runtime.chain``.

Legend: B chains, N words of the longest one, C labels. ``start`` and ``end`` are [B, C], what a chain gains by
beginning and ending with a label; ``transitions`` [C, C] from the row's label to the column's. What is forbidden has a
score of ``FORBIDDEN``, finite so that gradients stay numbers.
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
    found, total, exact = ScaledProducts.apply(emissions, mask, transitions, start, end)
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


class ScaledProducts(torch.autograd.Function):
    """Forward-backward by products, with its gradients by one more pass each way.

    Legend: D = 2, forwards and backwards side by side; in the second a chain stands reversed. At each place, ``before``
    is what leads to a label from all in front of it, ``left`` the same with the word itself, scaled, which is what the
    next place reads: before[n + 1] = left[n] @ table. Places come first, [N, D, B, C]: a step is one piece of memory.
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
        """Log-marginals, the log of the partition function, and whether no sum came near the smallest number."""
        limits = torch.finfo(emissions.dtype)
        least = limits.tiny / limits.eps**2  # what is lost below the smallest number does not count beside such a sum
        turn = reversal(mask).unsqueeze(-1).expand_as(emissions)
        # Constants: what is taken out of the products is put back into the total.
        highest, most = emissions.amax(2, True), transitions.max()
        edges = torch.stack([start, end])
        edge = edges.amax(2, True)
        factors, tables = (emissions - highest).exp(), (torch.stack([transitions, transitions.T]) - most).exp()
        both = torch.stack([factors, factors.gather(1, turn)]).permute(2, 0, 1, 3).contiguous()
        before, left, sums = _passed(both, tables, (edges - edge).exp())
        fronts, backs = before.permute(1, 2, 0, 3)
        shares = fronts * factors * backs.gather(1, turn)
        total = shares.sum(dim=2)
        scales = sums[:, 0, :, 0].T
        exact = (total > least)[mask].all() & (scales > least)[mask].all()  # what is no number is not, either
        likely = shares > 0
        found = torch.where(likely, shares, 1).log() - total.log().unsqueeze(2)
        found = found.masked_fill(~likely, FORBIDDEN)
        last = (mask.sum(dim=1, keepdim=True) - 1).clamp(min=0)
        behind = mask.scatter(1, last, False)
        taken = (highest[:, :, 0] * mask).sum(dim=1) + edge.sum(dim=(0, 2)) + most * behind.sum(dim=1)
        inner = torch.where(behind, scales, 1).log().sum(dim=1) + total.gather(1, last).squeeze(1).log() + taken
        ctx.save_for_backward(found, mask, turn, tables, before, left, last)
        ctx.mark_non_differentiable(exact)
        return found, inner, exact

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - torch's context
        """The gradients of emissions, transitions, start and end.

        found = log before[0] + emission + log before[1] - total; each ``before`` hands on what it is given to the place
        in front of it, by the shares of the paths that came from there.
        """
        found, mask, turn, tables, before, left, last = ctx.saved_tensors
        given = torch.where(mask.unsqueeze(2) & (found > FORBIDDEN), gradients[0], 0)
        whole = gradients[1] - given.sum(dim=(1, 2))
        # The total is that of the paths that reach the last word: it enters there, and is handed on like all else.
        final = whole[:, None] * found.gather(1, last.unsqueeze(2).expand(-1, 1, found.shape[2])).squeeze(1).exp()
        own = given.scatter_add(1, last.unsqueeze(2).expand(-1, 1, found.shape[2]), final.unsqueeze(1))
        left = torch.where(mask.T[:, None, :, None], left, 0)  # behind the end of a chain anything may stand
        passing = torch.where(before >= torch.finfo(before.dtype).tiny, before.reciprocal(), 0)
        # What each place is given, and then also what the place behind it hands on.
        into = torch.stack([own, given.gather(1, turn)]).permute(2, 0, 1, 3).contiguous()
        shares, back, moved = torch.empty_like(into), tables.transpose(1, 2).contiguous(), torch.empty_like(into[0])
        steps = list(zip(into.unbind(), shares.unbind(), passing.unbind(), left.unbind(), strict=True))
        for (front, _, _, reached), (here, share, passed, _) in zip(steps[-2::-1], steps[:0:-1], strict=True):
            torch.mul(here, passed, out=share)
            torch.bmm(share, back, out=moved)
            front.addcmul_(moved, reached)
        forwards, backwards = into.permute(1, 2, 0, 3)
        reversed_ = (backwards - given.gather(1, turn)).gather(1, turn)
        before_all, after_all = left[:-1].transpose(0, 1).flatten(1, 2), shares[1:].transpose(0, 1).flatten(1, 2)
        table = tables * torch.bmm(before_all.transpose(1, 2), after_all)
        return forwards + reversed_, None, table[0] + table[1].T, into[0, 0], into[0, 1] + final


def _passed(both: Tensor, tables: Tensor, edges: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``before`` and ``left`` of ``Products``, [N, D, B, C], and the sums by which the latter is scaled, [N, D, B, 1].

    Args:
        both: the words' own factors, [N, D, B, C].
        tables: [D, C, C].
        edges: what stands in front of the first word, [D, B, C].
    """
    before, left, sums = torch.empty_like(both), torch.empty_like(both), torch.empty_like(both[..., :1])
    before[0] = edges
    steps = list(zip(before.unbind(), both.unbind(), left.unbind(), sums.unbind(), strict=True))
    for place, (reached, factor, here, scale) in enumerate(steps):
        torch.mul(reached, factor, out=here)
        torch.sum(here, 2, keepdim=True, out=scale)
        here.div_(scale)
        if place + 1 < len(steps):
            torch.bmm(here, tables, out=steps[place + 1][0])
    return before, left, sums


def reversal(mask: Tensor) -> Tensor:
    """Where each word of a chain stands in the reversed chain, [B, N]; the padding stays behind."""
    places = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    last = mask.sum(dim=1, keepdim=True) - 1
    return torch.where(mask, last - places, places)
