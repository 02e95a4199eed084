"""What people look at: comparisons of runs."""

from nlptrain.insight.comparison import Row, compare, teacher_score

__all__ = ["Row", "compare", "teacher_score"]
