"""The pytest plugin: guests as fixtures, and all that there is to know of one whose test failed.

A thin room over `pynat.testing.kit`. Nothing of that is imported before a test asks for a guest:
the plugin is loaded by every pytest of an environment in which pynat is installed.
"""

from __future__ import annotations

from pynat.pytest_plugin.fixtures import (
    boot,
    guest,
    module_boot,
    module_guest,
    pynat_options,
    pynat_seed,
    pynat_tap,
    pynat_virtual,
    session_boot,
    session_guest,
)
from pynat.pytest_plugin.hooks import (
    pytest_addoption,
    pytest_configure,
    pytest_generate_tests,
    pytest_runtest_call,
    pytest_runtest_makereport,
    pytest_runtest_setup,
)

__all__ = [
    "boot",
    "guest",
    "module_boot",
    "module_guest",
    "pynat_options",
    "pynat_seed",
    "pynat_tap",
    "pynat_virtual",
    "pytest_addoption",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "session_boot",
    "session_guest",
]
