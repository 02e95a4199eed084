"""Build a student from its configuration."""

from nlptrain.models.students.building import build_student, build_tagger
from nlptrain.models.students.embeddings import TrainingText
from nlptrain.models.students.warm_start import build_transformer

__all__ = ["TrainingText", "build_student", "build_tagger", "build_transformer"]
