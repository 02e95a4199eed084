"""The loss: the Jensen-Shannon divergence."""

import torch
from torch import Tensor

from nlptrain.plugins import Targets, WordOutput
from nlptrain_example.plugin import JSConfig


def js_loss(
    words: WordOutput, targets: Targets, config: JSConfig, weights: Tensor | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return T^2 JS(teacher || student), summed over the words with a teacher, and no notes."""
    assert targets.teacher_logits is not None
    mask = targets.has_teacher
    student = words.log_probabilities(config.temperature)[mask].exp()
    teacher = torch.softmax(targets.teacher_logits[mask] / config.temperature, dim=-1)
    mean = ((student + teacher) / 2).clamp(min=1e-9).log()
    first, second = ((p * (p.clamp(min=1e-9).log() - mean)).sum(dim=-1) for p in (student, teacher))
    loss = (first + second) / 2 * config.temperature**2
    return (loss if weights is None else loss * weights[mask]).sum(), {}
