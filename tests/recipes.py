"""The code of the documentation's pages, as a reader copies it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

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


@contextmanager
def module_of(page: str, file: str) -> Iterator[ModuleType]:
    """A module with the code of the page's block for this file, to be imported by its name until the end."""
    [code] = [block for block in blocks(page) if block.startswith(f"# {file}\n")]
    name = file.removesuffix(".py").replace("/", ".")
    module = ModuleType(name)
    parents = [".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)]
    for parent in parents:
        sys.modules[parent] = ModuleType(parent)
        sys.modules[parent].__path__ = []
    sys.modules[name] = module
    try:
        exec(compile(code, file, "exec"), vars(module))
        yield module
    finally:
        for each in [*parents, name]:
            sys.modules.pop(each, None)  # another page's module may have taken the package along
