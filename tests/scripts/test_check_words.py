"""The check of words reports listed words in prose and names, and no other words."""

from pathlib import Path

import pytest

from scripts.check_words import WORDS, Words, files, hits_in, load_words

LIST = """
prose:
  behind: after
  drawn|draws: sampled
  made sentences?: synthetic
names:
  told|found: what it holds
  \\w*digest\\w*: hash
allow:
  docs/old*.md: [drawn]
  nlptrain/one.py: [told]
"""


@pytest.fixture
def words(tmp_path: Path) -> Words:
    path = tmp_path / "words.yaml"
    path.write_text(LIST)
    return load_words(path)


@pytest.mark.parametrize(
    ("name", "text", "hits"),
    [
        ("a.py", '"""Return the step.\n\nIt is behind the checkpoint.\n"""\n', [(3, "behind", "after")]),
        ("a.py", "x = 1\n\n# Drawn anew each time.\n", [(3, "Drawn", "sampled")]),
        ("a.py", 'raise ValueError(f"{path}: is behind")\n', [(1, "behind", "after")]),
        ("a.py", 'log(f"{count} drawn")\n', [(1, "drawn", "sampled")]),
        ("a.py", 'print("1 made sentence")\n', [(1, "made sentence", "synthetic")]),
        ("README.md", "# Title\n\nThe text is drawn.\n", [(3, "drawn", "sampled")]),
        ("a.yaml", "a: 1  # behind\n", [(1, "behind", "after")]),
        ("Makefile", "test:  ## Wait behind it.\n", [(1, "behind", "after")]),
        ("a.py", "def test_the_last_step_is_drawn(): ...\n", [(1, "drawn", "sampled")]),
        ("a.py", "told = 1\n", [(1, "told (a name)", "what it holds")]),
        ("a.py", "def f(told):\n    return told\n", [(1, "told (a name)", "what it holds")]),
        ("a.py", "def own_digest(): ...\n", [(1, "own_digest (a name)", "hash")]),
        ("a.py", "class A:\n    digests: int\n", [(2, "digests (a name)", "hash")]),
        ("a.py", "self.found = 1\n", [(1, "found (a name)", "what it holds")]),
        ("a.py", "import x as told\n", [(1, "told (a name)", "what it holds")]),
        ("a.py", "for found in x: ...\n", [(1, "found (a name)", "what it holds")]),
    ],
)
def test_listed_words_are_reported(name: str, text: str, hits: list[tuple[int, str, str]], words: Words) -> None:
    assert [hit[1:] for hit in hits_in(name, text, words)] == hits
    assert {hit.path for hit in hits_in(name, text, words)} == {name}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", 'values["drawn"] = read("digests")\n'),  # a key or an identifier in a string
        ("a.py", 'monkeypatch.setattr("nlptrain.drawn.behind", 1)\n'),
        ("a.py", "from x import told\nprint(told, hashlib.digest())\n"),  # names of others
        ("a.py", "foretold = untold = founded = 1\n"),
        ("a.md", "She is withdrawn from the behindhand.\n"),
        ("docs/old.md", "The figure is drawn.\n"),  # allowed in this file
        ("nlptrain/one.py", "told = 1\n"),
        ("a.py", '"""Return the two sentences."""\n'),
    ],
)
def test_other_words_are_not_reported(name: str, text: str, words: Words) -> None:
    assert list(hits_in(name, text, words)) == []


def test_the_committed_list_reports_its_own_words() -> None:
    words = load_words()
    for word in ("behind", "beside", "stands", "who", "said", "told", "not there", "committee", "topped up", "taught"):
        (hit, *_) = hits_in("a.md", f"a {word} b", words)
        assert hit.word == word
    for name in ("found", "said", "refuse_all", "topped_up", "worth_keeping", "Chains", "Lexicon", "rare_w", "drawn"):
        (hit,) = hits_in("a.py", f"{name} = 1", words)
        assert hit.word == f"{name} (a name)"
    for pattern, term in words.terms.items():
        assert term.strip(), pattern


def test_each_allowed_file_exists() -> None:
    names = [path.relative_to(WORDS.parents[1]) for path in files([])]
    unused = [key for key in load_words().allowed if not any(name.match(key) for name in names)]
    assert not unused
