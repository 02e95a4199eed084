"""Hypothesis strategies for mutated bytes of valid files, and for texts, numbers and values that break readers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

_EDGE_INTEGERS = (0, 1, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1)
_TOKENS = (
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n", b"\n\n", b"\t", b'"', b"'", b"\\", b"#", b"# ", b",", b";", b"|",
    b" = ", b"\\ud800", b"1e999", b"-1", b"NaN", b"null", b"[[[[", b"{}", b"[]", b"9" * 30, b"9" * 5000,
    b"\xed\xa0\x80",
    "\u2028\u200b\u0301".encode(), b"B-", b"I-x", b"O", b"1-2", b"1.1", b"T1\t", b";0 1", b"-DOCSTART-",
    b"\x1b[31m", "\u202e".encode(),
)  # fmt: skip
_Edit = tuple[int, float, float, bytes]


def _apply_edits(content: bytes, edits: Sequence[_Edit]) -> bytes:
    """Apply edits to ``content``; each has a kind, two positions as shares of the length, and bytes."""
    for kind, share, other_share, insertion in edits:
        size = len(content)
        start, end = sorted((int(share * size), int(other_share * size)))
        match kind:
            case 0:  # flip
                content = content[:start] + insertion[:1] + content[start + 1 :]
            case 1:  # insert
                content = content[:start] + insertion + content[start:]
            case 2:  # delete
                content = content[:start] + content[start + len(insertion) :]
            case 3:  # duplicate
                content = content[:start] + content[start : min(end, start + 64)] + content[start:]
            case 4:  # truncate
                content = content[:end]
            case 5:  # splice
                content = content[:start] + content[end:]
            case _:  # an integer of four bytes
                start -= start % 4
                content = content[:start] + insertion[:4].ljust(4, b"\0") + content[start + 4 :]
    return content


def mutated(*contents: bytes, write: Callable[[bytes], bytes] = bytes) -> st.SearchStrategy[bytes]:
    """Strategy for one of ``contents`` after one to six edits, passed through ``write`` (e.g. gzip)."""
    share = st.floats(0, 1, exclude_max=True)
    insertion = st.one_of(
        st.binary(min_size=1, max_size=8),
        st.sampled_from(_TOKENS),
        st.sampled_from(_EDGE_INTEGERS).map(lambda value: value.to_bytes(4, "little")),
    )
    edits = st.lists(
        st.tuples(st.sampled_from([0, 0, 1, 2, 3, 4, 5, 6]), share, share, insertion), min_size=1, max_size=6
    )
    return st.builds(_apply_edits, st.sampled_from(contents), edits).map(write)


def nasty_text() -> st.SearchStrategy[str]:
    """Strategy for short strings that readers have failed on."""
    return st.lists(
        st.one_of(st.sampled_from([token.decode("utf-8", "replace") for token in _TOKENS]), st.text(max_size=4)),
        max_size=4,
    ).map("".join)


def nasty_numbers() -> st.SearchStrategy[int | float]:
    """Strategy for numbers at and beyond the limits of their types."""
    edges = (0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 10**400, 1e308, -0.0, float("inf"), float("nan"))
    return st.one_of(st.integers(-3, 40), st.sampled_from(edges))


def nasty_values() -> st.SearchStrategy[object]:
    """Strategy for JSON values, some of them huge or deeply nested."""
    deep: object = []
    for _ in range(300):
        deep = [deep]
    leaves = st.one_of(st.none(), st.booleans(), nasty_numbers(), nasty_text(), st.just(deep))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(nasty_text(), inner, max_size=3)),
        max_leaves=6,
    )
