"""The CRF head: a linear-chain conditional random field over the words of a sentence."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlptrain.data.labels import Labels
from nlptrain.models.heads.decoding import LabelDecoder, Prediction, allowed_transitions, join_sentences
from nlptrain.models.heads.forward_backward import (
    FORBIDDEN,
    forward_scores,
    log_marginals,
    marginals,
    max_marginals,
    path_scores,
    possible_labels,
)
from nlptrain.models.heads.head import Head
from nlptrain.models.heads.softmax import NO_LABEL, RejectedSpan
from nlptrain.models.tokenization.inputs import SequenceLengths
from nlptrain_runtime.decoding import Decoder
from nlptrain_runtime.transition_tables import TransitionTables


class CRFHead(Head):
    """A linear layer for the emissions, and a score per pair of neighboring labels (Lample et al. 2016, section 2.2).

    What the tag scheme forbids (an I- after O, ...) has probability 0, in training and in decoding. The start and the
    end of a sentence count as neighbors; those of a window inside a sentence do not.
    """

    is_constrained = True
    is_structured = True
    allowed: Tensor
    may_open: Tensor
    may_close: Tensor

    def __init__(self, width: int, labels: int) -> None:
        """Create a layer from ``width`` to ``labels`` columns, C; transition scores start at 0, all are allowed."""
        super().__init__(width, labels)
        self.transitions = nn.Parameter(torch.zeros(labels, labels))
        self.start = nn.Parameter(torch.zeros(labels))
        self.end = nn.Parameter(torch.zeros(labels))
        self.register_buffer("allowed", torch.ones(labels, labels, dtype=torch.bool))
        self.register_buffer("may_open", torch.ones(labels, dtype=torch.bool))
        self.register_buffer("may_close", torch.ones(labels, dtype=torch.bool))

    def constrain(self, labels: Labels) -> None:
        """Forbid what the scheme of ``labels`` forbids."""
        allowed, may_open, may_close = allowed_transitions(labels)
        self.allowed.copy_(allowed)
        self.may_open.copy_(may_open)
        self.may_close.copy_(may_close)

    def decoder(self, labels: Labels) -> LabelDecoder:
        """Return itself: the transitions decide, too."""
        return self

    def output(self, emissions: Tensor, lengths: SequenceLengths) -> CRFWords:
        """Return the words of a batch; each window is one sequence of the CRF."""
        return CRFWords(self, emissions, lengths)

    @torch.no_grad()
    def reorder(self, columns: Sequence[int]) -> None:
        """Replace the columns, and the scores of transitions, by those with the indices ``columns``."""
        super().reorder(columns)
        order = torch.tensor(columns)
        self.transitions = nn.Parameter(self.transitions[order][:, order].clone())
        self.start, self.end = nn.Parameter(self.start[order].clone()), nn.Parameter(self.end[order].clone())
        for name in ("may_open", "may_close"):
            buffer: Tensor = getattr(self, name)
            self.register_buffer(name, buffer[order].clone())
        self.register_buffer("allowed", self.allowed[order][:, order].clone())

    @property
    def runtime_decoder(self) -> Decoder:
        """Viterbi decoding and marginals with the current scores."""
        scores = ((self.transitions, self.allowed), (self.start, self.may_open), (self.end, self.may_close))
        tables = (score.detach().double().masked_fill(~allowed, FORBIDDEN).cpu().numpy() for score, allowed in scores)
        return Decoder("chain", TransitionTables(*tables))

    def predict(self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0) -> list[Prediction]:
        """Return each sentence's log-marginals at a temperature, and its best path, which is the same at every one."""
        flat, counts, ends = join_sentences(emissions)
        decoder = self.runtime_decoder
        logits = decoder.log_probabilities(flat, counts, temperature, np.float32)
        sentences = zip(np.split(logits, ends), np.split(decoder.decode(flat, counts), ends), strict=True)
        return [Prediction(*sentence) for sentence in sentences][: len(emissions)]

    def log_probabilities(
        self, emissions: Sequence[NDArray[np.float32]], temperature: float = 1.0
    ) -> list[NDArray[np.float64]]:
        """Return the log-marginals of each sentence at a temperature, [words, C]."""
        flat, counts, ends = join_sentences(emissions)
        values = self.runtime_decoder.log_probabilities(flat, counts, temperature).astype(np.float64, copy=False)
        return np.split(values, ends)[: len(emissions)]


class CRFWords:
    """The words of a batch under a CRF."""

    def __init__(self, head: CRFHead, emissions: Tensor, lengths: SequenceLengths) -> None:
        """Take the ``emissions`` [W, C] of sequences of these ``lengths``."""
        dtype = torch.promote_types(emissions.dtype, torch.float32)  # sums of exponentials need it
        self.logits = emissions.to(dtype)
        self._head = head
        self._lengths = lengths
        self._mask = lengths.mask
        self._cached_marginals: dict[float, tuple[Tensor, Tensor]] = {}

    @cached_property
    def possible(self) -> Tensor:
        """False where no allowed sequence has this label on this word, [W, C]."""
        head = self._head
        device = self.logits.device
        opening = head.may_open.to(device) | ~self._lengths.starts_sentence[:, None]
        closing = head.may_close.to(device) | ~self._lengths.ends_sentence[:, None]
        return possible_labels(self._mask, head.allowed.to(device), opening, closing)[self._mask]

    def nll_loss(self, gold: Tensor) -> Tensor:
        """Return the summed negative log-likelihood of the gold sequences [W]; those with ``NO_LABEL`` are skipped."""
        if not len(gold):
            return self.logits.sum() * 0
        shifted = self._lengths.pad(gold - NO_LABEL)  # 0: no label, and padding
        has_gold = shifted[:, 0] >= -NO_LABEL
        mask, path = self._mask[has_gold], (shifted[has_gold] + NO_LABEL).clamp(min=0)
        if not len(mask):
            return self.logits.sum() * 0
        emissions, transitions, start, end = self._scores(1.0)
        _, total = self._marginals(1.0)
        return (
            total[has_gold] - path_scores(emissions[has_gold], mask, transitions, start[has_gold], end[has_gold], path)
        ).sum()

    def marginal_nll_loss(self, allowed: Tensor, rejected: Sequence[RejectedSpan] = ()) -> Tensor:
        """Return -log of the summed probability of the paths of ``allowed`` labels, summed over the sequences.

        That of sequences whose labels are all allowed is 0. Each rejected span adds -log(1 - p), where p is the
        probability of the paths with this entity among the paths of allowed labels.
        """
        counts = self._lengths.counts.tolist()
        ends = self._lengths.counts.cumsum(0).tolist()
        hidden = self._lengths.pad(~allowed)
        owners = [bisect_right(ends, span.first) for span in rejected]
        is_partial = hidden.flatten(1).any(dim=1)
        is_partial[owners] = True
        partial: list[int] = is_partial.nonzero().flatten().tolist()
        if not partial:  # other processes may have some: every parameter has a gradient
            head = self._head
            return (self.logits.sum() + head.transitions.sum() + head.start.sum() + head.end.sum()) * 0
        sequences, forbidden = list(partial), [hidden[partial]]
        for span, owner in zip(rejected, owners, strict=True):
            first = span.first - (ends[owner] - counts[owner])
            cases = hidden[owner].repeat(len(span.cases), 1, 1)
            cases[:, first : first + span.cases.shape[1]] |= ~span.cases
            forbidden.append(cases)
            sequences += [owner] * len(cases)
        known = self._log_partition(sequences, torch.cat(forbidden))
        _, total = self._marginals(1.0)
        loss = (total[partial] - known[: len(partial)]).sum()
        start = len(partial)
        for span, owner in zip(rejected, owners, strict=True):
            cases = known[start : start + len(span.cases)]
            start += len(cases)
            loss = loss + known[partial.index(owner)] - cases.logsumexp(dim=0)
        return loss.to(self.logits.dtype)

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        """Return the log-marginals of the CRF with all scores divided by the temperature, [W, C].

        Without transitions this is log softmax(logits / T).
        """
        marginals, _ = self._marginals(temperature)
        return marginals[self._mask]

    def best_scores(self) -> Tensor:
        """Return the score of the best sequence with each label on each word, minus the best score of all, [W, C]."""
        if not len(self.logits):
            return self.logits
        # Over a long sentence float32 cannot distinguish similar paths; Apple's GPUs have no float64.
        dtype = torch.float32 if self.logits.device.type == "mps" else torch.float64
        emissions, transitions, start, end = (scores.to(dtype) for scores in self._scores(1.0))
        return max_marginals(emissions, self._mask, transitions, start, end)[self._mask].to(self.logits.dtype)

    def _scores(self, temperature: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        head, lengths = self._head, self._lengths
        emissions = lengths.pad(self.logits / temperature)
        transitions, start, end = (
            (scores.to(emissions) / temperature).masked_fill(~allowed.to(emissions.device), FORBIDDEN)
            for scores, allowed in (
                (head.transitions, head.allowed),
                (head.start, head.may_open),
                (head.end, head.may_close),
            )
        )
        nothing = torch.zeros_like(start)
        opening = torch.where(lengths.starts_sentence[:, None], start, nothing)
        return emissions, transitions, opening, torch.where(lengths.ends_sentence[:, None], end, nothing)

    def _log_partition(self, sequences: list[int], forbidden: Tensor) -> Tensor:
        """Return the log of the summed exponentials of the paths without the ``forbidden`` labels, [S].

        Args:
            sequences: the indices of S sequences; one may occur several times.
            forbidden: true at the labels that a word of the sequence must not have, [S, N, C].
        """
        emissions, transitions, *edges = self._scores(1.0)
        start, end = (scores[sequences] for scores in edges)
        emissions, mask = emissions[sequences].masked_fill(forbidden, FORBIDDEN), self._mask[sequences]
        if self.logits.device.type == "cpu":
            scores = (score.double() for score in (transitions, start, end))
            return marginals(emissions.double(), mask, *scores)[1]
        return torch.logsumexp(forward_scores(emissions, mask, transitions, start)[:, -1] + end, dim=1)

    def _marginals(self, temperature: float) -> tuple[Tensor, Tensor]:
        if temperature not in self._cached_marginals:
            scores = self._scores(temperature)
            if self.logits.device.type == "cpu":
                # Products need the range of float64, which is slow on a GPU: there, logarithms are as fast.
                emissions, *others = (score.double() for score in scores)
                log_probs, total = marginals(emissions, self._mask, *others)
            else:
                emissions, *others = scores
                log_probs, total = log_marginals(emissions, self._mask, *others)
            self._cached_marginals[temperature] = log_probs.to(self.logits.dtype), total.to(self.logits.dtype)
        return self._cached_marginals[temperature]
