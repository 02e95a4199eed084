"""Distillation: the losses, TeacherStudentDistill, the transfer set and pseudo labels."""

from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.losses import TeacherStudentDistill, kl_loss, mse_loss
from nlptrain.distillation.objectives import DistillObjective, PseudoLabelObjective
from nlptrain.distillation.transfer_set import TransferSet

__all__ = [
    "BlockStore",
    "DistillObjective",
    "PseudoLabelObjective",
    "TeacherStudentDistill",
    "TransferSet",
    "kl_loss",
    "mse_loss",
]
