from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from django_twocheckout.testing import __main__ as command

FOLDER = Path(command.__file__).parent


MODULES = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_modules__stand_on_their_own(path):
    """No import but of the standard library, pytest and the folder itself, and none within a function."""
    tree = ast.parse(path.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    within = [node for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) for node in ast.walk(each)]
    assert not any(node in within for node in imports)
    absolute = [node for node in imports if isinstance(node, ast.Import) or node.level == 0]
    names = [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in absolute]
    assert {name.partition(".")[0] for name in names} <= {*sys.stdlib_module_names, "pytest"}
    assert all(node.level <= 1 for node in imports if isinstance(node, ast.ImportFrom))


def test_modules__form_no_circle():
    waiting = {path.stem: _needed(path) for path in MODULES}
    while free := {name for name, needed in waiting.items() if not needed & waiting.keys()}:
        waiting = {name: needed for name, needed in waiting.items() if name not in free}
    assert not waiting


def _needed(path):
    """The modules of the folder that this one imports, for their types alone too."""
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    return {name for node in imports for name in ([node.module] if node.module else [each.name for each in node.names])}
