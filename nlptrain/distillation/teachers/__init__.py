"""Teachers: the protocol, the transformer, and the ensemble of those of a run."""

from nlptrain.distillation.teachers.ensemble import TeacherEnsemble, WeightedTeacher
from nlptrain.distillation.teachers.teacher import BuildTeacher, Precision, Teacher, TeacherContext, TeacherLogits
from nlptrain.distillation.teachers.transformer import TransformerTeacher

__all__ = [
    "BuildTeacher",
    "Precision",
    "Teacher",
    "TeacherContext",
    "TeacherEnsemble",
    "TeacherLogits",
    "TransformerTeacher",
    "WeightedTeacher",
]
