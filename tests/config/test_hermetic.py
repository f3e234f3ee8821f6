"""`hermetic = true`: what it cannot be joined with, and the seed that comes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.config import Config
from pynat.config.toml import read_toml
from pynat.errors import ConfigError


def test_a_hermetic_network_has_a_seed_of_its_own() -> None:
    assert read_toml("hermetic = true", "net.toml").seed == 0
    assert read_toml("hermetic = true\nseed = 7", "net.toml").seed == 7
    assert Config(hermetic=True).seed == 0
    assert Config().seed is None


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('forwards = ["tcp::8080-:80"]', "forwards"),
        ('guestfwd = ["tcp:192.168.16.100:7-cmd:cat"]', "guestfwd"),
        ('host_aliases = {"server.test" = "127.0.0.1"}', "host_aliases"),
        ('dns = {resolvers = ["192.0.2.1"]}', "dns.resolvers"),
    ],
)
def test_what_needs_a_socket_of_the_host_is_refused(line: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_toml(f"hermetic = true\n{line}\n", "net.toml")
    said = str(caught.value)
    assert said.startswith(f"net.toml:2: {key} = ")
    assert said.endswith("left out: hermetic = true opens no socket of the host")


def test_time_is_always_in_step() -> None:
    with pytest.raises(ConfigError, match=r"net.toml:2: time = \"never\": .*in step"):
        read_toml('hermetic = true\ntime = "never"\n', "net.toml")


def test_what_needs_none_is_taken() -> None:
    config = read_toml('hermetic = true\ncontrol = "none"\ncapture = "net.pcapng"\n', "net.toml")
    assert (config.hermetic, config.control) == (True, "none")
    assert config.capture == Path("net.pcapng")
    assert read_toml('hermetic = true\ncontrol = "/tmp/x"\n', "net.toml").control == "/tmp/x"
