"""Sphinx configuration of the documentation: make docs."""

import tomllib
from pathlib import Path

import nlptrain

_ROOT = Path(__file__).parents[1]
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "nlptrain"
author = _PROJECT["authors"][0]["name"]
copyright = author
version = release = nlptrain.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
highlight_language = "text"
default_role = "code"  # of `name` in docstrings
smartquotes = False

myst_heading_anchors = 4  # as on GitHub
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_member_order = "groupwise"
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"nlptrain {version}"
html_theme_options = {
    "source_repository": _PROJECT["urls"]["Repository"],
    "source_branch": "main",
    "source_directory": "docs/",
}
