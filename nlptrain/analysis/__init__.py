"""Analysis: comparison of runs, significance, requirements, profiling, tokenization reports, checks of data."""

from __future__ import annotations

from nlptrain.lazy_imports import lazy_names

__all__ = ["Row", "compare_scores", "teacher_score"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from nlptrain.analysis.comparison import Row as Row
    from nlptrain.analysis.comparison import compare_scores as compare_scores
    from nlptrain.analysis.comparison import teacher_score as teacher_score

__getattr__, __dir__ = lazy_names(__name__, dict.fromkeys(__all__, "nlptrain.analysis.comparison"))
