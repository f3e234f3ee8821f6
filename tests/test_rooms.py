"""The rooms of docs/architecture.md: who may import whom, and who may touch the world."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pynat

PACKAGE = Path(pynat.__file__).parent
WORLD = {
    "asyncio",
    "os",
    "random",
    "select",
    "selectors",
    "socket",
    "subprocess",
    "threading",
    "time",
}
PURE = ("wire", "router", "services", "nat", "inner", "lint", "rules", "impair")
MAY_IMPORT = {
    "wire": {"wire", "errors", "_fast"},
    "inner": {"inner", "wire", "nat"},
    "services": {
        "services",
        "inner",
        "wire",
        "nat",
        "config",
        "config_faults",
        "config_values",
        "peer",
        "errors",
        "notices",
        "timers",
    },
    "nat": {"nat", "wire", "config", "peer", "errors", "notices", "timers"},
    "router": {
        "router",
        "services",
        "inner",
        "nat",
        "wire",
        "config",
        "peer",
        "errors",
        "notices",
        "timers",
    },
    "rules": {"rules"},
    "impair": {"impair", "wire"},
    "lint": {"lint", "rules", "wire", "config", "errors"},
    "net": {
        "net",
        "harmless",
        "interrupts",
        "inner",
        "router",
        "nat",
        "wire",
        "config",
        "config_toml",
        "config_values",
        "errors",
        "notices",
        "remarks",
    },
    "host": {"host", "peer", "nat", "wire", "config", "errors", "notices"},
    "control": {
        "control",
        "harmless",
        "engine",
        "link",
        "host",
        "nat",
        "services",
        "wire",
        "config",
        "config_forwards",
        "config_peers",
        "impair",
        "config_values",
        "errors",
        "notices",
        "peer",
        "router",
        "rules",
    },
    "link": {
        "_fast",
        "children",
        "engine_loop",
        "wire",
        "control",
        "link",
        "net",
        "impair",
        "lint",
        "remarks",
        "config",
        "config_load",
        "engine",
        "errors",
        "notices",
    },
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("room", PURE)
def test_protocol_code_has_no_clock_no_dice_and_no_sockets(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        used = imports(path) & WORLD
        used -= {"random"} if "import Random" in path.read_text() else set()  # given, not thrown
        used -= {"os"} if path.name == "unreachable.py" else set()  # os.strerror
        assert not used, f"{path.relative_to(PACKAGE)} imports {used}"


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_each_room_imports_only_its_neighbours(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        rooms = {name.split(".")[1] for name in imports(path) if name.startswith("pynat.")}
        assert rooms <= MAY_IMPORT[room], f"{path.relative_to(PACKAGE)} imports {rooms}"


def test_importing_the_engine_does_not_import_scapy() -> None:
    for path in PACKAGE.rglob("*.py"):
        if "testing" not in path.parts:
            tops = {
                node.module or ""
                for node in ast.parse(path.read_text()).body
                if isinstance(node, ast.ImportFrom)
            }
            assert not any(name.startswith("scapy") for name in tops), path
