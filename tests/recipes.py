"""The code of the pages in docs/how-to, run as a project would run it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

HOW_TO = Path(__file__).resolve().parent.parent / "docs" / "how-to"


def code_of(page: str, file: str) -> str:
    """The code of this file, as the page has it after a comment with the file's name."""
    text = (HOW_TO / f"{page}.md").read_text()
    [code] = re.findall(rf"```python\n# {re.escape(file)}\n(.*?)```", text, re.DOTALL)
    return str(code)


@contextmanager
def module_of(page: str, file: str) -> Iterator[ModuleType]:
    """A module with this file's code, to be imported by its name until the end."""
    name = file.removesuffix(".py").replace("/", ".")
    module = ModuleType(name)
    parents = [".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)]
    for parent in parents:
        sys.modules[parent] = ModuleType(parent)
        sys.modules[parent].__path__ = []
    sys.modules[name] = module
    try:
        exec(compile(code_of(page, file), file, "exec"), vars(module))
        yield module
    finally:
        for each in [*parents, name]:
            sys.modules.pop(each, None)  # another page's module may have taken the package along
