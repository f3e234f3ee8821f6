"""Whether a test can fail for more than an exception, read from its source.

`asserts` or `pytest.raises` must stand in the test, or in a function that it names: one of its
module, or one that its module imports from another module of the tests.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    def __init__(self, source: str) -> None:
        tree = ast.parse(source)
        self.functions = {node.name: node for node in tree.body if isinstance(node, Function)}
        self.imported = {
            name.asname or name.name: (node.module, name.name)
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests.")
            for name in node.names
            if node.module
        }

    @property
    def tests(self) -> list[str]:
        return [name for name in self.functions if name.startswith("test_")]

    def proves(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        if name in self.imported:
            module, there = self.imported[name]
            return module_of(module).proves(there)
        function = self.functions.get(name)
        if function is None or name in seen:
            return False
        return _asserts(function) or any(
            self.proves(other, seen | {name}) for other in _names(function)
        )


@cache
def module_of(name: str) -> Module:
    path = ROOT.joinpath(*name.split("."))
    whole = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return Module(whole.read_text())


def _asserts(function: Function) -> bool:
    for node in ast.walk(function):
        match node:
            case ast.Assert(test=test) if not isinstance(test, ast.Constant):
                return True
            case ast.With(items=items) if any("raises" in ast.unparse(one) for one in items):
                return True
    return False


def _names(function: Function) -> set[str]:
    return {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
