"""Windows of long sentences: each word is predicted once, in the window where it is farthest from the edges."""

from hypothesis import given
from hypothesis import strategies as st

from nlptrain_runtime.windows import OVERLAPS, cut_windows, window_rule


@given(st.lists(st.integers(1, 12), max_size=60), st.sampled_from([8, 10, 64]))
def test_each_word_is_predicted_once_in_order(sizes: list[int], max_subwords: int) -> None:
    words = [tuple([index] * size) for index, size in enumerate(sizes)]
    windows = cut_windows(words, max_subwords=max_subwords, prefix=[-1], suffix=[-2])
    assert [window.subwords[start] for window in windows for start in window.word_starts] == list(range(len(words)))
    assert [window.first_word for window in windows] == [
        sum(len(earlier.word_starts) for earlier in windows[:index]) for index in range(len(windows))
    ]
    assert all(len(window.subwords) <= max_subwords for window in windows)
    assert all(window.subwords[0] == -1 and window.subwords[-1] == -2 for window in windows)


def test_a_shared_word_is_predicted_farthest_from_the_edges() -> None:
    words = [(index,) for index in range(20)]
    windows = cut_windows(words, max_subwords=12, prefix=[], suffix=[])
    # 12 subwords a window, 3 shared: words 0-11 and 9-19; of the shared 9, 10, 11 the middle one is equally far from
    # the edges in both and goes to the later window.
    assert [(window.subwords[0], window.subwords[-1]) for window in windows] == [(0, 11), (9, 19)]
    assert windows[0].word_starts == list(range(10))
    assert windows[1].first_word == 10
    assert windows[1].word_starts[0] == 1


def test_a_short_sentence_is_one_window() -> None:
    (window,) = cut_windows([(5,), (6, 7)], max_subwords=8, prefix=[1], suffix=[2])
    assert (window.subwords, window.word_starts, window.first_word) == ([1, 5, 6, 7, 2], [1, 2], 0)


def test_windows_share_at_most_a_quarter_and_128_subwords() -> None:
    words = [(index,) for index in range(3000)]

    def shared(max_subwords: int, overlap: int | None) -> int:
        first, second, *_ = cut_windows(words, max_subwords=max_subwords, prefix=[], suffix=[], overlap=overlap)
        return first.subwords[-1] - second.subwords[0] + 1

    assert [shared(size, 128) for size in (100, 512, 1000, 2000)] == [25, 128, 128, 128]
    assert [shared(size, None) for size in (100, 512, 1000, 2000)] == [25, 128, 250, 500]
    for size in (100, 512, 515, 516, 2000):  # the older rule is used only where both give the same windows
        overlap = OVERLAPS[window_rule(size)]
        assert shared(size, overlap) == shared(size, 128)
