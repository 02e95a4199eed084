from hypothesis import given
from hypothesis import strategies as st

from nlptrain_runtime.windows import OVERLAPS, cut_windows, window_rule


@given(st.lists(st.integers(1, 12), max_size=60), st.sampled_from([8, 10, 64]))
def test_each_word_is_read_once_in_order(sizes: list[int], max_pieces: int) -> None:
    words = [tuple([number] * size) for number, size in enumerate(sizes)]
    windows = cut_windows(words, max_pieces=max_pieces, prefix=[-1], suffix=[-2])
    assert [window.pieces[start] for window in windows for start in window.starts] == list(range(len(words)))
    assert [window.first_word for window in windows] == [
        sum(len(before.starts) for before in windows[:number]) for number in range(len(windows))
    ]
    assert all(len(window.pieces) <= max_pieces for window in windows)
    assert all(window.pieces[0] == -1 and window.pieces[-1] == -2 for window in windows)


def test_a_word_is_read_where_it_stands_deepest() -> None:
    words = [(number,) for number in range(20)]
    windows = cut_windows(words, max_pieces=12, prefix=[], suffix=[])
    # 12 pieces a window, 3 shared: words 0-11 and 9-19; of the shared 9, 10, 11 the middle one is as deep in both
    # and goes to the later window.
    assert [(w.pieces[0], w.pieces[-1]) for w in windows] == [(0, 11), (9, 19)]
    assert windows[0].starts == list(range(10))
    assert windows[1].first_word == 10
    assert windows[1].starts[0] == 1


def test_a_short_sentence_is_one_window() -> None:
    (window,) = cut_windows([(5,), (6, 7)], max_pieces=8, prefix=[1], suffix=[2])
    assert (window.pieces, window.starts, window.first_word) == ([1, 5, 6, 7, 2], [1, 2], 0)


def test_windows_share_a_quarter_and_128_pieces_at_most() -> None:
    words = [(number,) for number in range(3000)]

    def shared(max_pieces: int, overlap: int | None) -> int:
        first, second, *_ = cut_windows(words, max_pieces=max_pieces, prefix=[], suffix=[], overlap=overlap)
        return first.pieces[-1] - second.pieces[0] + 1

    assert [shared(size, 128) for size in (100, 512, 1000, 2000)] == [25, 128, 128, 128]
    assert [shared(size, None) for size in (100, 512, 1000, 2000)] == [25, 128, 250, 500]
    for size in (100, 512, 515, 516, 2000):  # where the older rule is named, it cuts alike
        overlap = OVERLAPS[window_rule(size)]
        assert shared(size, overlap) == shared(size, 128)
