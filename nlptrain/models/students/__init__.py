"""Build a student from its configuration."""

from nlptrain.models.students.building import STUDENTS, build_student, build_tagger
from nlptrain.models.students.embeddings import StudentText
from nlptrain.models.students.warm_start import build_transformer

__all__ = ["STUDENTS", "StudentText", "build_student", "build_tagger", "build_transformer"]
