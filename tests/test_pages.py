"""The README and the pages in docs/: length, links, the table of contents, generated pages, and the site."""

import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nlptrain
import nlptrain.plugins
from nlptrain.cli.main import main
from nlptrain.config import COMMANDS, load_config
from scripts import picture
from scripts.reference import FOLDER, pages

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
OWNER = URLS["Repository"].removeprefix("https://github.com/")
PREFIXES = (f"https://github.com/{OWNER}/blob/main/", f"https://raw.githubusercontent.com/{OWNER}/main/")
README_WORDS = 1_000
FORMER = Path("configs/wnut17/tagger_kd-crf.yaml")  # now tagger_kd.yaml
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.relative_to(DOCS).parts)
OTHERS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "configs/README.md")]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page, as GitHub and the site name them."""
    heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def target_of(page: Path, link: str) -> Path | None:
    """Return the file of the repository that ``link`` names; None for other addresses."""
    for prefix in PREFIXES:
        if link.startswith(prefix):
            return ROOT / link.removeprefix(prefix)
    return None if link.startswith("http") else page.parent / link if link else page


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=relative)
def test_links_have_targets(page: Path) -> None:
    for link, anchor in re.findall(r"\]\(([^)#\s]*)(#[^)\s]*)?\)", page.read_text(encoding="utf-8")):
        target = target_of(page, link)
        if target is None:
            continue
        assert target.is_file(), (relative(page), link)
        assert not anchor or anchor[1:] in anchors(target), (relative(page), link, anchor)


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=relative)
def test_files_of_the_repository_exist(page: Path) -> None:
    folders = "nlptrain|runtime|tests|scripts|configs|examples|docs"
    for name in re.findall(rf"`((?:{folders})/[\w./-]+)`", page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), (relative(page), name)


def test_links_of_a_package_index_are_absolute() -> None:
    """The README is also shown by package indexes, and pages link to files outside of docs/ by their address."""
    links = re.findall(r"\]\(([^)\s]*)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(links) > 15
    assert [link for link in links if not link.startswith("https://")] == []
    for page in PAGES:
        outside = re.findall(r"\]\(((?:\.\./)+[^)#\s]*)", page.read_text(encoding="utf-8"))
        assert [link for link in outside if DOCS not in (page.parent / link).resolve().parents] == [], relative(page)


def test_each_address_of_the_repository_is_that_of_the_project() -> None:
    pattern = r"https://(?:github|raw\.githubusercontent)\.com/([\w-]+/nlptrain)\b"
    for page in [*PAGES, *OTHERS]:
        assert set(re.findall(pattern, page.read_text(encoding="utf-8"))) <= {OWNER}, relative(page)
    assert all(url.startswith(URLS["Repository"]) for url in URLS.values())


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= README_WORDS


def test_each_page_is_in_the_table_of_contents() -> None:
    listed = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for toctree in re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            entries = [line for line in toctree.split("\n") if line and not line.startswith(":")]
            listed += [(page.parent / f"{entry}.md").resolve() for entry in entries]
    assert sorted(map(relative, listed)) == [relative(page) for page in PAGES if page.name != "index.md"]


@pytest.mark.parametrize("name", pages())
def test_the_generated_pages_are_current(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], "run python -m scripts.reference"


@pytest.mark.parametrize("page", ["accuracy.md", "speed.md", "history.md"])
def test_each_training_of_the_results_has_a_valid_configuration(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = " ".join((DOCS / "results" / page).read_text(encoding="utf-8").split("\n"))
    trainings = [shlex.split(line)[1:] for line in re.findall(r"`(nlptrain [^`]+ [^`]+)`", text) if "..." not in line]
    trainings = [words for words in trainings if words[0] in COMMANDS]
    assert trainings
    for name, *arguments in trainings:
        given = main.commands[name].make_context(name, list(arguments)).params
        if given["files"][0] != FORMER:
            load_config(COMMANDS[name], given["files"][0], given["settings"], check_files=False)


def listed_names(page: str) -> list[str]:
    """Return the names that a page of the reference takes from docstrings."""
    return re.findall(r"^\.\. (?:auto\w+|py:data):: (\w+)", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)


def test_the_reference_has_each_public_name() -> None:
    names = set(nlptrain.__all__) - {"__version__"}
    assert sorted(listed_names("reference/python.md")) == sorted(names)
    assert sorted(listed_names("reference/plugins.md")) == sorted(set(nlptrain.plugins.__all__) - names)


def test_the_picture_has_the_figures_of_the_page() -> None:
    rows = picture.read_rows(picture.PAGE.read_text(encoding="utf-8"))
    assert picture.OUT.read_text(encoding="utf-8") == picture.picture(rows), "run python -m scripts.picture"
    assert picture.OUT.stat().st_size < 40_000
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in [*picture.LABELS][:1] + [*picture.LABELS][2:4]:
        assert f"| {rows[name].score} | {rows[name].rate:,.0f} |" in readme


@pytest.mark.full
def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    if importlib.util.find_spec("sphinx") is None:
        pytest.skip("needs the extra [docs]: make docs")
    options = ["-W", "--keep-going", "-q", "-b", "html"]
    command = [sys.executable, "-m", "sphinx", *options, str(DOCS), str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site/reference/python.html").is_file()
