"""The rooms of docs/architecture.md: who may import whom, and who may touch the world."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path, PurePath
from types import ModuleType

import pytest

import pynat
from tests.importing import Import, imports

PACKAGE = Path(pynat.__file__).parent
DOCS = PACKAGE.parent / "docs" / "architecture.md"

# ---------------------------------------------------------------- the world
# What has no I/O, no clock and no dice of its own; of some modules, only these names.
PURE = {
    *("__future__", "abc", "bisect", "collections", "dataclasses", "difflib", "enum", "errno"),
    *("fnmatch", "hashlib", "heapq", "ipaddress", "itertools", "math", "re", "struct"),
    *("types", "typing", "statistics.NormalDist", "zlib.crc32"),
    *("functools.lru_cache", "functools.partial"),
    *("os.strerror", "random.Random", "datetime.UTC", "datetime.datetime", "datetime.timedelta"),
}
TOUCHES = {
    *("__builtins__", "__import__", "__loader__", "__spec__", "breakpoint", "compile", "eval"),
    *("exec", "globals", "input", "open", "print"),
}
CLOCKS = {"fromtimestamp", "now", "today", "utcnow"}  # of a date, whatever its name is
PURE_ROOMS = (
    *("wire", "nat", "inprocess", "services", "faults", "router", "lint", "rules", "impair"),
    *("errors", "harmless", "verdict", "timers", "ranges", "faulty_host"),
)
# What the other rooms use beyond that; testing and cli use what they like.
ALSO = {
    "log": {"contextlib", "fcntl", "io", "json", "os", "pathlib"},
    "config": {
        *("codecs", "copy", "json", "os", "pathlib", "shlex", "stat", "sys", "tomllib"),
        "socket.inet_aton",
    },
    "engine": {"asyncio", "traceback"},
    "engine_loop": {"asyncio", "os", "select", "selectors", "time"},
    "_pure": {"os", "socket"},
    "loops": {"os"},
    "interrupts": {"contextlib", "dis", "signal", "threading"},
    "children": {
        *("contextlib", "ctypes", "functools", "os", "pathlib", "shutil", "signal"),
        *("subprocess", "threading", "time"),
    },
    "net": {
        *("asyncio", "contextlib", "contextvars", "h11", "http", "inspect", "linecache", "pathlib"),
        *("scapy", "sys", "sysconfig", "tomllib", "traceback", "urllib", "warnings"),
    },
    "host": {
        *("asyncio", "contextlib", "fcntl", "functools", "os", "pathlib", "resource", "secrets"),
        *("operator", "select", "signal", "socket", "stat", "subprocess", "termios"),
    },
    "serve": {"asyncio", "contextlib", "functools", "os", "pathlib", "tomllib"},
    "capture": {"contextlib.closing", "io", "pathlib"},
    "replay": {"contextlib.suppress", "pathlib.Path"},
    "control": {
        *("asyncio", "contextlib", "json", "os", "pathlib", "select", "socket", "stat"),
        *("tempfile", "threading", "traceback"),
    },
    "link": {
        *("asyncio", "contextlib", "ctypes", "fcntl", "io", "json", "os", "pathlib", "select"),
        *("shutil", "socket", "subprocess", "time"),
    },
    "report": {"jinja2", "json", "markupsafe", "pathlib", "PIL", "xml"},
    "pytest_plugin": {
        *("contextlib", "hashlib", "os", "pathlib", "pytest", "shlex", "shutil"),
        "sys",
    },
    "bochs": {
        *("contextlib", "fcntl", "os", "pathlib", "shutil", "signal", "subprocess", "tempfile"),
        "time",
    },
}


def strangers(found: set[Import], allowed: set[str]) -> set[str]:
    """What is imported of other people's, and not on the list."""
    return {
        str(one)
        for one in found
        if one.top != "pynat" and not one.for_types and not is_listed(one, allowed)
    }


def is_listed(one: Import, allowed: set[str]) -> bool:
    return str(one) in allowed or (one.top in allowed and not leads_elsewhere(one))


def leads_elsewhere(one: Import) -> bool:
    """Whether what is taken of a module is another one, which that has imported for itself."""
    taken = getattr(import_module(one.module), one.name, None) if one.name else None
    return isinstance(taken, ModuleType) and taken.__name__.partition(".")[0] != one.top


def touches(source: str) -> Iterator[str]:
    """What asks the world without an import of its own."""
    tree = ast.parse(source)
    modules = dict(whole_modules(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if name in TOUCHES:
                yield name
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if name in modules:
                if leads_elsewhere(Import(modules[name], attr)):
                    yield f"{name}.{attr}"
            case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
                yield f"{name}()"
            case ast.Call(func=ast.Name(id="Random"), args=args, keywords=keywords):
                given = [*args, *(keyword.value for keyword in keywords)]
                if all(isinstance(one, ast.Constant) and one.value is None for one in given):
                    yield "Random() without a seed"
            case ast.alias(name="Random", asname=str(other)):
                yield f"Random as {other}"


def whole_modules(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that stand for modules of other people's, and these."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((one.asname or one.name, one.name) for one in node.names)


# ---------------------------------------------------------------- the rooms
@dataclass(frozen=True)
class Row:
    """Of the table in docs/architecture.md; names are patterns of fnmatch."""

    rooms: tuple[str, ...]
    may_import: frozenset[str]
    for_types: frozenset[str]  # these as well, below `if TYPE_CHECKING`


_ROW = re.compile(r"^\| (`.*?`) \| .* \| (.*) \|$", re.MULTILINE)


def rows() -> list[Row]:
    return [row for cells in _ROW.findall(DOCS.read_text()) if (row := _row(*cells)).rooms]


def _row(where: str, may: str) -> Row:
    rooms = tuple(re.findall(r"`pynat/([\w*]+)(?:\.py|/)`", where))
    names, _, types = may.partition("; for types ")
    allowed = {*re.findall(r"`([\w.*]+)`", names), *rooms, *(f"{room}.*" for room in rooms)}
    allowed |= {"*"} if names == "all" else set()
    return Row(rooms, frozenset(allowed), frozenset(re.findall(r"`(\w+)`", types)))


ROWS = rows()


def room(path: PurePath) -> str:
    """path: from the folder in which the package is."""
    return path.parts[1] if len(path.parts) > 2 else path.stem


def row_of(name: str) -> Row:
    (row,) = (row for row in ROWS if any(fnmatch(name, one) for one in row.rooms))
    return row


def rooms_imported(found: set[Import], row: Row) -> Iterator[str]:
    """Those that the row does not allow."""
    for one in found:
        if one.module == "?":
            yield "what cannot be told"
        name = _room_of(one)
        allowed = row.may_import | (row.for_types if one.for_types else frozenset())
        if name and not any(fnmatch(name, pattern) for pattern in allowed):
            yield name


def _room_of(one: Import) -> str:
    """The room of an import of ours, or "" if it is none, or an attribute of the package."""
    top, _, rest = one.module.partition(".")
    if top != "pynat":
        return ""
    if rest == "config":
        return f"{rest}.{one.name}" if one.name in READERS else rest
    if rest:
        return rest if rest.startswith("config.") else rest.partition(".")[0]
    return (one.name or top) if one.name in ("", "*", *NAMES) else ""


NAMES = {path.name.partition(".")[0] for path in PACKAGE.iterdir()} - {"__init__", "__pycache__"}
READERS = {path.stem for path in (PACKAGE / "config").glob("*.py")}
ITSELF = PurePath("pynat/__init__.py")
SOURCES = [path.relative_to(PACKAGE.parent) for path in sorted(PACKAGE.rglob("*.py"))]


def source(path: PurePath) -> str:
    return (PACKAGE.parent / path).read_text()


def where(path: PurePath, found: set[str]) -> set[str]:
    return {f"{path}: {one}" for one in found}


def of_rooms(*names: str) -> Iterator[PurePath]:
    return (path for path in SOURCES if any(fnmatch(room(path), one) for one in names))


def test_every_module_is_in_one_room() -> None:
    for path in SOURCES:
        rooms = [one for row in ROWS for one in row.rooms if fnmatch(room(path), one)]
        assert len(rooms) == (path != ITSELF), path
    assert imports(source(ITSELF), ITSELF) <= {Import("__future__", "annotations")}
    assert [row for row in ROWS if not any(of_rooms(*row.rooms))] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rooms[0])
def test_each_room_imports_only_its_neighbors(row: Row) -> None:
    for path in of_rooms(*row.rooms):
        assert where(path, set(rooms_imported(imports(source(path), path), row))) == set()


@pytest.mark.parametrize("name", PURE_ROOMS)
def test_protocol_code_has_no_clock_no_dice_and_no_io(name: str) -> None:
    for path in of_rooms(name):
        text = source(path)
        assert where(path, strangers(imports(text, path), PURE)) == set()
        assert where(path, set(touches(text))) == set()


def test_only_the_journal_of_what_is_said_is_a_file() -> None:
    for path in of_rooms("log"):
        if path.stem != "journal":
            assert where(path, strangers(imports(source(path), path), PURE | {"json"})) == set()


@pytest.mark.parametrize("name", ALSO)
def test_who_may_touch_the_world_says_how(name: str) -> None:
    for path in of_rooms(name):
        assert where(path, strangers(imports(source(path), path), PURE | ALSO[name])) == set()


def test_every_room_is_held() -> None:
    held = {*PURE_ROOMS, *ALSO, "cli", "__main__", "testing"}
    assert {one for row in ROWS for one in row.rooms} == held


# ---------------------------------------------------------------- who assigns to what
# A part changes its own fields; others call its methods, or its constructor. So an attribute is
# assigned in the file that declares it, and nowhere else.
ASSIGNING = (
    *("nat", "inprocess", "services", "router", "host", "net", "link", "serve", "engine"),
    *("log", "timers", "faults", "capture"),
)
OTHERS = {
    *("error.icmp", "error.offender", "failed.icmp", "failed.offender"),  # an event that is made
    *("flow.why", "module.__file__", "warnings.showwarning"),  # a script's, and Python's
    *("last.__cause__", "last.__context__", "last.__suppress_context__"),
}


def declared(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(ast.Name("self"), attr, ast.Store()):
                yield attr
            case ast.AnnAssign(ast.Name(name)):
                yield name


def assigned_from_afar(text: str) -> Iterator[str]:
    tree = ast.parse(text)
    own = set(declared(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=attr, ctx=ast.Store() | ast.Del()) if attr not in own:
                if (written := ast.unparse(node)) not in OTHERS:
                    yield written


def test_nothing_is_assigned_from_afar() -> None:
    for path in of_rooms(*ASSIGNING):
        assert where(path, set(assigned_from_afar(source(path)))) == set()


def test_an_assignment_from_afar_is_found() -> None:
    text = "class A:\n    x: int\n    def f(self, b):\n        b.x = 1\n        b.gate.y += 2\n"
    assert set(assigned_from_afar(text)) == {"b.gate.y"}


# ---------------------------------------------------------------- circles
def graph(sources: dict[PurePath, str]) -> dict[str, set[str]]:
    """Which file names which, in whatever form; by module."""
    modules = {path: ".".join(path.with_suffix("").parts) for path in sources}
    names = {path: name.removesuffix(".__init__") for path, name in modules.items()}
    known = set(names.values())
    return {
        names[path]: {
            name
            for one in imports(text, path)
            if (name := str(one) if str(one) in known else one.module) in known
        }
        for path, text in sources.items()
    }


def reached(start: str, graph: dict[str, set[str]]) -> set[str]:
    found, waiting = set[str](), [start]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Not for types either, nor within functions."""
    found = graph({path: source(path) for path in SOURCES})
    assert {name for name in found if name in reached(name, found)} == set()


def test_a_circle_is_seen() -> None:
    found = graph(
        {
            PurePath("pynat/__init__.py"): "",
            PurePath("pynat/a.py"): "from pynat.b import x\nfrom pynat import c",
            PurePath("pynat/b/__init__.py"): "if TYPE_CHECKING:\n    import pynat.b.d",
            PurePath("pynat/b/d.py"): "def f():\n    from .. import a",
            PurePath("pynat/c.py"): "import os",
        }
    )
    assert found["pynat.a"] == {"pynat.b", "pynat.c"}
    assert {name for name in found if name in reached(name, found)} == {
        *("pynat.a", "pynat.b", "pynat.b.d"),
    }


def test_importing_the_engine_imports_nothing_but_python() -> None:
    """Not scapy, above all, which takes seconds."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "import pynat.cli.main, pynat.serve.bochs, pynat.net.runtime, pynat.net.script\n"
        "pynat.cli.main.the_parser()\n"
        "print(*{one.partition('.')[0] for one in sys.modules.keys() - before})"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    found = {one for one in done.stdout.split() if not one.startswith("_sysconfigdata")}
    assert "pynat" in found
    assert found <= {"pynat", *sys.stdlib_module_names}


# ---------------------------------------------------------------- the checks themselves
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import socket", {"socket"}),
        ("import socket as s, time", {"socket", "time"}),
        ("import os.path", {"os.path"}),
        ("import scapy.all", {"scapy.all"}),
        ("from scapy.all import IP", {"scapy.all.IP"}),
        ("import secrets", {"secrets"}),
        ("import datetime", {"datetime"}),
        ("from datetime import date", {"datetime.date"}),
        ("from random import *", {"random.*"}),
        ("from random import random", {"random.random"}),
        ("import os\nos.strerror(1)", {"os"}),
        ("def f():\n    if x:\n        import time", {"time"}),
        ("class A:\n    try:\n        import ssl\n    except ImportError:\n        pass", {"ssl"}),
        ("x = __import__('socket')", {"socket"}),
        ("import importlib\nimportlib.import_module('time').time()", {"importlib", "time"}),
        (
            "from importlib import import_module\nimport_module(name='x')",
            {"importlib.import_module", "?"},
        ),
        ("__import__(name)", {"?"}),
        ("lambda: [__import__('ssl') for _ in x]", {"ssl"}),
        ("if not TYPE_CHECKING:\n    import ssl", {"ssl"}),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import ssl", {"ssl"}),
        ("if TYPE_CHECKING:\n    import ssl", set()),
        ("import typing\nif typing.TYPE_CHECKING:\n    import ssl", set()),
        ("from statistics import random", {"statistics.random"}),
        ("from dataclasses import sys", {"dataclasses.sys"}),
        ("from collections import _sys, abc", {"collections._sys"}),
        ("import struct, collections.abc\nfrom random import Random", set()),
        ("from os import strerror", set()),
        ("from pynat import engine", set()),
    ],
)
def test_a_stranger_in_a_pure_room_is_seen(text: str, found: set[str]) -> None:
    assert strangers(imports(text, "pynat/wire/x.py"), PURE) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from pynat import engine", {"engine"}),
        ("from pynat import errors, engine as e", {"engine"}),
        ("import pynat", {"pynat"}),
        ("from pynat import *", {"*"}),
        ("import pynat.engine", {"engine"}),
        ("import pynat.nat.tcp.flow as f", {"nat"}),
        ("from pynat.nat import udp", {"nat"}),
        ("from pynat.nat.tcp.flow import Flow", {"nat"}),
        ("from pynat.config import Config, toml", {"config", "config.toml"}),
        ("from pynat.config.toml import read_toml", {"config.toml"}),
        ("from ..nat import udp", {"nat"}),
        ("from .. import engine", {"engine"}),
        ("from ..engine import Engine", {"engine"}),
        ("def f():\n    from pynat import engine", {"engine"}),
        ("__import__('pynat.engine')", {"engine"}),
        ("importlib.import_module('pynat.engine')", {"engine"}),
        ("importlib.import_module('..engine', __package__)", {"what cannot be told"}),
        ("if TYPE_CHECKING:\n    from pynat.nat import udp", {"nat"}),
        ("if TYPE_CHECKING:\n    from pynat.rules import Rule", set()),
        ("from pynat.rules import Rule", {"rules"}),
        ("from . import dns\nfrom .dns import reply\nfrom pynat.wire import ipv4", set()),
        ("from .. import errors\nfrom pynat import __version__", set()),
    ],
)
def test_a_room_that_is_no_neighbor_is_seen(text: str, found: set[str]) -> None:
    row = Row(("wire",), frozenset({"wire", "errors"}), frozenset({"rules"}))
    assert set(rooms_imported(imports(text, "pynat/wire/x.py"), row)) == found


def test_relative_imports_go_by_where_the_source_is() -> None:
    text = "from . import a\nfrom .. import b"
    assert imports(text, "pynat/nat/tcp/__init__.py") == {
        Import("pynat.nat.tcp", "a"),
        Import("pynat.nat", "b"),
    }
    assert imports("from . import engine", "pynat/x.py") == {Import("pynat", "engine")}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("open('x')", {"open"}),
        ("read = open", {"open"}),
        ("def f():\n    print(1)", {"print"}),
        ("exec('import socket')", {"exec"}),
        ("__import__('socket')", {"__import__"}),
        ("datetime.now(UTC)", {"now()"}),
        ("x.y.today()", {"today()"}),
        ("dice = Random()", {"Random() without a seed"}),
        ("dice = Random(None)", {"Random() without a seed"}),
        ("dice = Random(x=None)", {"Random() without a seed"}),
        ("from random import Random as R\nR()", {"Random as R"}),
        ("getattr(__builtins__, 'open')", {"__builtins__"}),
        ("import typing\ntyping.sys.modules['time']", {"typing.sys"}),
        ("import re as r\nr.enum.sys", {"r.enum"}),
        ("import re\nre.compile('x')\nself.re.enum", set()),
        ("dice = Random(seed)\nself.now\nself.open()\ndatetime(1970, 1, 1)", set()),
    ],
)
def test_what_touches_the_world_without_an_import_is_seen(text: str, found: set[str]) -> None:
    assert set(touches(text)) == found


def test_the_table_is_read() -> None:
    assert row_of("wire").may_import == {"wire", "wire.*", "errors", "rules", "loops"}
    assert "config.toml" in row_of("net").may_import
    assert row_of("config").rooms == ("config",)
    assert row_of("cli").may_import >= {"*"}
    assert row_of("timers").may_import == {"timers", "timers.*"}


def test_the_router_is_a_table_of_contents() -> None:
    assert len((PACKAGE / "router" / "router.py").read_text().splitlines()) <= 200
