"""The code of the documentation's pages, as a reader copies it."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def blocks(page: str, language: str = "python") -> list[str]:
    """The blocks of this language on a page, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def written(page: str, folder: Path) -> list[Path]:
    """Write the page's files, each into the place that its first line names. Returns them."""
    files = []
    for block in blocks(page):
        if named := re.match(r"# (\S+\.py)\n", block):
            file = folder / named[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block)
            files.append(file)
    return files
