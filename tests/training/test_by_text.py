import pytest

from nlptrain.training.by_text import by_text


@pytest.mark.parametrize(
    ("every", "steps"), [(1, 3_000), (500, 3_000), (1_000, 6_000), (1_500, 9_000), (90_000, 9_000)]
)
def test_steps_are_six_times_the_text_within_bounds(every: int, steps: int) -> None:
    assert by_text(1, every).steps == steps


def test_the_less_text_the_more_is_dropped_and_hidden() -> None:
    rates = [(found.dropout, found.unknown_rate) for found in map(by_text, (0, 100_000, 500_000, 1_000_000, 10**9))]
    assert rates == [(0.1, 0.03), (0.09, 0.027), (0.05, 0.015), (0.0, 0.0), (0.0, 0.0)]
