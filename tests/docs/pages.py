"""Reads the pages of the documentation: their fenced blocks, with captions and marks."""

from __future__ import annotations

import ast
import importlib
import re
import textwrap
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import django

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
        text_of_it = textwrap.dedent(match["body"])
        options, body = _options(text_of_it) if info.startswith("{") else ({}, text_of_it)
        before = text[: match.start()].rstrip().rpartition("\n")[2]
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page, line, language, options.get("caption", ""), body, before == RUNS)


def _options(body: str) -> tuple[dict[str, str], str]:
    """A directive's options, and what stands below them."""
    options = {}
    while found := re.match(r":([\w-]+): *(.*)\n", body):
        options[found[1]] = found[2].strip().strip('"`')
        body = body[found.end() :]
    return options, body.removeprefix("\n")


def parsed(block: Block) -> ast.Module:
    """The syntax tree of a block of Python. Raises SyntaxError."""
    # "…" and "..." stand for what is the reader's, also among the keys of a dictionary.
    text = block.text.replace("…", "...")
    return ast.parse(re.sub(r"\{\s*\.\.\.,", "{**...,", text), filename=str(block))


def imported(tree: ast.Module, packages: Collection[str]) -> dict[str, object]:
    """What the block imports from these packages, by the names that it has in the block.

    What needs a package that is not installed, or a newer Django, is left out. Raises ImportError or AttributeError for
    any other name that is not there.
    """
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in packages:
            module = _module(node.module)
            for alias in node.names if module else ():
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
                found[alias.asname or alias.name] = getattr(module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in packages and (module := _module(alias.name)):
                    found[alias.asname or alias.name] = module
    return found


#: Modules that only the newer Djangos have.
_NEWER = {"django.tasks"} if django.VERSION < (6,) else set()


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        theirs = (missing.name or "").partition(".")[0] not in ("django_twocheckout", "django", "celery")
        if theirs or name in _NEWER:
            return None
        raise


def check_names(page: Path, packages: Collection[str]) -> None:
    """Raise an error for a name of these packages that a block of the page has, and they have not."""
    known: dict[str, object] = {}
    for block in blocks(page):
        if block.language == "python":
            tree = parsed(block)
            known |= imported(tree, packages)
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
                    assert hasattr(known[node.value.id], node.attr), f"{block}: {node.value.id}.{node.attr}"
