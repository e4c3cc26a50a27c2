"""Sphinx's configuration: ``sphinx-build -W --keep-going docs docs/_build``."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import django

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]
os.environ["DJANGO_SETTINGS_MODULE"] = "project_settings"
django.setup()

from django_twocheckout import __version__

REPOSITORY = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["urls"]["Repository"]

project = "django-twocheckout"
author = "The django-twocheckout authors"
version = release = __version__

extensions = ["myst_parser", "sphinx_copybutton", "generated"]
exclude_patterns = ["_build", "_ext"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .gp"
# "…" stands in blocks of Python for what is yours, and is no token of the language.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"django-twocheckout {version}"
html_theme_options = {"source_repository": REPOSITORY, "source_branch": "main", "source_directory": "docs/"}
html_show_copyright = False
