"""What people look at: comparisons of runs."""

from nlptrain.analysis.comparison import Row, compare, teacher_score

__all__ = ["Row", "compare", "teacher_score"]
