"""Analysis: comparison of runs, significance, requirements, profiling, tokenization reports."""

from nlptrain.analysis.comparison import Row, compare_scores, teacher_score

__all__ = ["Row", "compare_scores", "teacher_score"]
