"""A Sphinx extension: puts what :mod:`facts` writes from the code into the pages, before they are parsed."""

from __future__ import annotations

from typing import Any


def setup(app: Any) -> dict[str, Any]:
    from facts import filled  # needs Django's apps, which conf.py loads

    def fill(app: Any, docname: str, source: list[str]) -> None:
        source[0] = filled(source[0])

    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
