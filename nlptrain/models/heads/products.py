"""Forward-backward by sums of products, with gradients of its own.

Legend: as in ``chain``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nlptrain_runtime.chain import FORBIDDEN


class Products(torch.autograd.Function):
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
