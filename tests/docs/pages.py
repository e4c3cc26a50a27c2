"""Reads the pages of the documentation: their fenced blocks, with captions and marks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: All pages, README among them.
PAGES = [ROOT / "README.md", *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)]

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=indent)(?P=ticks) *$", re.M | re.S
)
#: Stands on the line before a block that the tests execute.
RUNS = "<!-- runs -->"


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    language: str
    caption: str
    text: str
    runs: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, from top to bottom."""
    text = page.read_text()
    for match in _FENCE.finditer(text):
        info = match["info"].strip()
        language = info.removeprefix("{code-block}").strip().partition(" ")[0]
        options, body = _options(match["body"]) if info.startswith("{") else ({}, match["body"])
        before = text[: match.start()].rstrip().rpartition("\n")[2]
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page, line, language, options.get("caption", ""), body, before == RUNS)


def _options(body: str) -> tuple[dict[str, str], str]:
    """A directive's options, and what stands below them."""
    options = {}
    while found := re.match(r":([\w-]+): *(.*)\n", body):
        options[found[1]] = found[2].strip().strip("`")
        body = body[found.end() :]
    return options, body.removeprefix("\n")
