"""Every test says what it wants, and can fail for it."""

from __future__ import annotations

import pytest

from tests.proving import ROOT, Module, module_of


def test_every_test_asserts_something() -> None:
    files = [path.relative_to(ROOT) for path in ROOT.glob("tests/**/test_*.py")]
    modules = {str(path): module_of(".".join(path.with_suffix("").parts)) for path in files}
    assert len(modules) > 200
    tests = [(path, module, test) for path, module in modules.items() for test in module.tests]
    assert [f"{path}::{test}" for path, module, test in tests if not module.proves(test)] == []


@pytest.mark.parametrize(
    ("text", "proves"),
    [
        ("def test_x(): assert f() == 1", True),
        ("def test_x(): f()", False),
        ("def test_x(): assert True", False),
        ("def test_x():\n with suppress(E):\n  f()", False),
        ("def test_x():\n with pytest.raises(E):\n  f()", True),
        ("async def run():\n assert f()\ndef test_x(): scenario(run)", True),
        ("def f(): g()\ndef g(): f()\ndef test_x(): f()", False),
        ("from tests.spoiling import sift\ndef test_x(): sift([], f, E)", True),
        ("from tests.spoiling import spoilt\ndef test_x(): spoilt(b'', dice)", False),
        ("from pynat.testing.script import introduce\ndef test_x(): introduce(lab)", False),
    ],
)
def test_what_asserts_is_found(text: str, proves: bool) -> None:
    assert Module(text).proves("test_x") == proves
