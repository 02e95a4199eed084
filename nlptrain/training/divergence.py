"""How far a student's probabilities are from its teacher's: finer than a score, for it counts every word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
_LEAST = -30.0  # log-probability; a CRF's may be minus infinity where its scheme forbids what the teacher answers


def divergence(teacher: Sequence[Logits], student: Sequence[Logits]) -> float:
    """KL(teacher || student) in nats, a mean over the words of all sentences; 0 where there are none.

    A label of less than e^-30, such as one that a CRF's scheme forbids there, counts as e^-30: each thousandth that the
    teacher gives such labels adds 0.03 or a little less, about the same for all students of one scheme. So a CRF's is
    compared with a CRF's.

    Args:
        teacher: logits of each sentence, [words, C].
        student: the same of the student; of a CRF its log-marginals.

    Example:
        >>> logits = np.log(np.array([[0.5, 0.5]], dtype=np.float32))
        >>> round(divergence([logits], [np.log(np.array([[0.25, 0.75]], dtype=np.float32))]), 4)
        0.1438
    """
    if not sum(map(len, teacher)):
        return 0.0
    log_p = _log_softmax(np.concatenate(list(teacher)))
    log_q = np.maximum(_log_softmax(np.concatenate(list(student))), _LEAST)
    return float((np.exp(log_p) * (log_p - log_q)).sum(axis=1).mean())


def _log_softmax(logits: Logits) -> NDArray[np.float64]:
    exact = logits.astype(np.float64)
    exact -= exact.max(axis=1, keepdims=True)
    logs: NDArray[np.float64] = np.maximum(exact - np.log(np.exp(exact).sum(axis=1, keepdims=True)), -700.0)
    return logs
