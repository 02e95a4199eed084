"""Teachers: inference of one teacher, and the ensemble of those of a run."""

from nlptrain.distillation.teachers.ensemble import EnsembleTeacher, TeacherEnsemble

__all__ = ["EnsembleTeacher", "TeacherEnsemble"]
