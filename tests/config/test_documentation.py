"""The table of keys for users and the JSON Schema for editors, both made of the declarations."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest
from jsonschema import Draft7Validator

from pynat.config.documentation import plain_default, schema, schema_text
from pynat.config.keys import KEYS
from pynat.config.toml import read_toml
from pynat.config.values import Wrong
from pynat.errors import ConfigError
from tests.config.pages import PAGE, SCHEMA, page
from tests.config.test_toml import MOST_KEYS, OTHER_KEYS, spoilt_files
from tests.proving import ROOT

REFRESH = "run scripts/make-config-pages"
VALIDATOR = Draft7Validator(schema())
BLOCKS = [
    block
    for path in sorted((ROOT / "docs").glob("*.md"))
    for block in re.findall(r"^```toml\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)
]


def complaints(tables: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(tables)]


def nested(key: str, value: object) -> dict[str, Any]:
    table, _, name = key.rpartition(".")
    return {table: {name: value}} if table else {name: value}


def test_the_table_in_the_docs_is_fresh() -> None:
    text = PAGE.read_text()
    assert page(text) == text, REFRESH


def test_the_schema_is_fresh_and_one() -> None:
    assert SCHEMA.read_text() == schema_text(), REFRESH
    Draft7Validator.check_schema(schema())


def test_whoever_has_no_clone_prints_the_schema() -> None:
    command = (sys.executable, "-m", "pynat.config.documentation")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == schema_text()


@pytest.mark.parametrize("block", BLOCKS)
def test_the_examples_in_the_docs_are_right_by_the_schema(block: str) -> None:
    assert complaints(tomllib.loads(block)) == []


def test_there_are_examples() -> None:
    assert len(BLOCKS) > 10


def test_what_is_taken_is_right_by_the_schema() -> None:
    taken = refused = 0
    for text in (MOST_KEYS, OTHER_KEYS, *spoilt_files(18)):
        try:
            read_toml(text, "net.toml")
        except ConfigError:
            refused += _is_refused(text)
            continue
        taken += 1
        assert complaints(tomllib.loads(text)) == []
    assert taken > 100
    assert refused > 300


def test_a_command_of_two_lines_is_right_by_the_schema() -> None:
    text = r'guestfwd = ["tcp:192.168.16.100:7-cmd:cat\n-"]'
    read_toml(text, "net.toml")
    assert complaints(tomllib.loads(text)) == []


def _is_refused(text: str) -> bool:
    """By TOML or by the schema; what needs more knowledge than that is not."""
    try:
        return bool(complaints(tomllib.loads(text)))
    except (ValueError, RecursionError):
        return True


def test_each_default_is_taken() -> None:
    for key in KEYS:
        if (value := plain_default(key)) not in (None, ""):
            KEYS[key].parser(value)
            assert complaints(nested(key, value)) == []


@pytest.mark.parametrize("value", [None, 1e300, -1, True, "\n", "", [[]], {"x": []}, ["x", 1]])
def test_wrong_types_are_wrong_by_the_schema(value: object) -> None:
    for key in KEYS:
        assert bool(complaints(nested(key, value))) == (not _is_taken(key, value)), key


def _is_taken(key: str, value: object) -> bool:
    try:
        KEYS[key].parser(value)
    except Wrong:
        return False
    return True


LIMITS = {
    key: (one.parser.schema["minimum"], one.parser.schema["maximum"])
    for key, one in KEYS.items()
    if "minimum" in one.parser.schema
}


def test_the_schema_has_the_limits_of_the_parser() -> None:
    assert len(LIMITS) > 25
    for key, (low, high) in LIMITS.items():
        for value, right in ((low, True), (high, True), (low - 1, False), (high * 2, False)):
            assert _is_taken(key, value) == right, key
            assert bool(complaints(nested(key, value))) != right, key


@pytest.mark.parametrize(
    "text",
    [
        "mtu = 1500",
        "unknown = 1",
        "[tcp]\nmms = 1000",
        "[tftpd]\nroot = '/'",
        "tcp = 1",
        "seed = 1.5",
        "time = 'sometimes'",
        "forwards = ['tcp:8080-80']",
        "forwards = [{rule = 'tcp::8080-:80', source = 'x'}]",
        "forwards = [{source = 'peer'}]",
        "guestfwd = ['tcp:192.168.16.100:7-cat']",
        "host_aliases = {'www.test' = 'localhost'}",
        "allow = ['example.test']",
        "faults = ['ftp silent']",
        "[network]\nnet = '192.168.16.0'",
        "[network]\nmac = '52:55:00:a8:10'",
        "[dhcp]\nhostname = 'a b'",
        "[dhcp]\nstatic = {'52:54:00:12:34:56' = {hostname = 'box'}}",
        "[dhcp]\nstatic = {'box' = '192.168.16.9'}",
        "[dhcp]\noptions = {150 = '192.168.16.1'}",
        "[dhcp]\noptions = {router = 'ip:192.168.16.1'}",
        "[dhcp]\nroutes = ['10.0.0.0/8']",
        "[dns]\nnames = {'x.test' = []}",
        "[dns]\nnames = {x.test = '1.2.3.4'}",
        "[dns]\nresolvers = ['one']",
    ],
)
def test_what_is_wrong_is_wrong_by_the_schema(text: str) -> None:
    with pytest.raises(ConfigError):
        read_toml(text, "net.toml")
    assert complaints(tomllib.loads(text)) != []
