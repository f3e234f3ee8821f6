"""What a module of the package imports, in whatever form, read from its source.

    imports("from ..nat import tcp", "pynat/wire/x.py")  ->  {Import("pynat.nat", "tcp")}

A name that is not a literal, as in import_module(name), is the module "?". What stands below
`if TYPE_CHECKING:` runs nothing and is told apart.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

IMPORTERS = ("__import__", "import_module")


@dataclass(frozen=True, slots=True)
class Import:
    module: str  # absolute: "pynat.wire.dns", "collections.abc"
    name: str = ""  # what is taken from it; "" is the module itself
    for_types: bool = False

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


def imports(source: str, path: str | PurePath) -> set[Import]:
    """path: of the source, from the folder in which the package is."""
    return set(_within(ast.parse(source), PurePath(path).parent.parts, for_types=False))


def _within(tree: ast.AST, package: tuple[str, ...], *, for_types: bool) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names=names):
                for one in names:
                    yield Import(one.name, for_types=for_types)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = _absolute(module or "", level, package)
                for one in names:
                    yield Import(base, one.name, for_types)
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)) if (
                called in IMPORTERS
            ):
                yield Import(_literal(node), for_types=for_types)
                yield from _within(node, package, for_types=for_types)
            case ast.If(test=test, body=body, orelse=otherwise):
                typed = for_types or _is_for_types(test)
                yield from _within(ast.Module(body, []), package, for_types=typed)
                yield from _within(ast.Module(otherwise, []), package, for_types=for_types)
                yield from _within(ast.Expr(test), package, for_types=for_types)
            case _:
                yield from _within(node, package, for_types=for_types)


def _absolute(module: str, level: int, package: tuple[str, ...]) -> str:
    if not level:
        return module
    return ".".join(filter(None, (*package[: len(package) - level + 1], module)))


def _literal(call: ast.Call) -> str:
    match call.args:
        case [ast.Constant(value=str(name))] if not name.startswith("."):
            return name
    return "?"


def _is_for_types(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False
