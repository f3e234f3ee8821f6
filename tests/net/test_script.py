"""script=net.py: a user's file, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.config import Tftp
from pynat.errors import ConfigError
from pynat.serve.load import load
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript

GOOD = """\
from pynat.net import Net

net = Net(hermetic=True, seed=5)

@net.tcp("example.test", 80)
async def web(stream):
    await stream.write(b"hello")
"""


def written(folder: Path, text: str, name: str = "net.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def wrong(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text), "")
    return str(caught.value).replace(f"{folder}/", "")


def test_a_script_is_a_network(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, GOOD), "")
    assert (loaded.config.hermetic, loaded.config.seed) == (True, 5)
    flow = TcpScript(Lab(loaded.config, net=loaded.program), remote="198.18.4.1")
    flow.guest("S 0:0(0)")
    flow.to_guest()
    flow.guest(". 1:1(0) ack 1")
    assert flow.payload() == b"hello"


def test_each_card_has_a_network_of_its_own(tmp_path: Path) -> None:
    script = written(tmp_path, GOOD)
    first, second = load(script, ""), load(script, "")
    assert first.program is not second.program
    assert first.config == second.config


def test_the_folder_of_the_card_is_served_too(tmp_path: Path) -> None:
    assert load(written(tmp_path, GOOD), str(tmp_path)).config.tftp == Tftp(tmp_path)


def test_a_script_imports_what_is_beside_it(tmp_path: Path) -> None:
    written(tmp_path, "ADDRESS = '192.0.2.77'\n", "beside_the_script.py")
    text = "from pynat.net import Net\nfrom beside_the_script import ADDRESS\nnet = Net()\n"
    text += "net.machine(ADDRESS)\n"
    assert str(load(written(tmp_path, text), "").config.virtual.hosts[0]) == "192.0.2.77"


def test_a_toml_file_names_a_script(tmp_path: Path) -> None:
    script = written(tmp_path, GOOD.replace("hermetic=True, seed=5", "network={'mtu': 1400}"))
    toml = f'script = "{script}"\n[network]\nnet = "10.5.0.0/24"\nmtu = 1300\n'
    loaded = load(written(tmp_path, toml, "net.toml"), "")
    config = loaded.config
    assert loaded.program is not None
    assert (str(config.network.net), config.network.mtu) == ("10.5.0.0/24", 1400)


def test_a_script_names_a_toml_file(tmp_path: Path) -> None:
    toml = written(tmp_path, '[network]\nnet = "10.5.0.0/24"\n', "net.toml")
    script = written(tmp_path, GOOD.replace("hermetic=True", f"config='{toml}'"))
    config = load(script, "").config
    assert (str(config.network.net), config.seed) == ("10.5.0.0/24", 5)


HEAD = "from pynat.net import Net\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("net = Net(\n", "net.py:1: not valid Python: '(' was never closed"),
        ("x = 1\n", "net.py: there is no network in it; a script makes one network: net = Net()"),
        (
            HEAD + "one = Net()\nother = Net()\n",
            "net.py: there are 2 networks in it, one (net.py:2) and other (net.py:3);",
        ),
        (HEAD + "net = Nett()\n", "net.py:2: NameError: name 'Nett' is not defined"),
        ("import nothing_of_the_kind\n", "net.py:1: ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)\n", "net.py:1: SystemExit: 3"),
        (
            HEAD + "net = Net(dhcp={'lease': 1})\n",
            "net.py:2: dhcp.lease = 1: must be",
        ),
        (HEAD + "net = Net(leese=1)\n", "net.py:2: leese: unknown key;"),
        (
            HEAD + "net = Net()\n\n@net.tcp('exa mple', 80)\nasync def f(stream): ...\n",
            "net.py:4: net.tcp('exa mple'): must be an IPv4 address, a name, or",
        ),
        (
            HEAD + "net = Net()\n@net.tcp('a.test', 65536)\nasync def f(stream): ...\n",
            "net.py:3: net.tcp port 65536: must be from 1 to 65535",
        ),
        (
            HEAD + "net = Net()\n@net.tcp('a.test', 80)\ndef f(stream): ...\n",
            "net.py:3: net.tcp f: must be async def f(stream): ...",
        ),
        (
            HEAD + "net = Net()\n@net.udp('224.0.0.1', 80)\ndef f(datagram): ...\n",
            "net.py:3: net.udp('224.0.0.1'): must be",
        ),
        (
            HEAD + "net = Net()\n@net.udp('192.168.16.1', 53)\ndef f(datagram): ...\n",
            "net.py:3: udp 192.168.16.1:53: 192.168.16.1 is the router, which serves 53, 67, 69",
        ),
        (
            HEAD + "net = Net()\nnet.machine('192.168.16.2')\n",
            "net.py:3: 192.168.16.2: 192.168.16.2 is the guest itself",
        ),
        (
            HEAD + "net = Net()\nfor _ in range(2):\n    @net.udp('a.test', 80)\n"
            "    def f(datagram): ...\n",
            "net.py:4: udp a.test:80 is served at",
        ),
        (HEAD + "net = Net()\nnet.at('soon')\n", "net.py:3: net.at('soon'): must be seconds"),
        (
            HEAD + "net = Net()\nnet.http('a.test', directory='nowhere')\n",
            "net.py:3: net.http directory 'nowhere': must be the path of a folder",
        ),
        (
            HEAD + "net = Net(config='nowhere.toml')\n",
            "net.py:2: config='nowhere.toml': No such file",
        ),
        (
            HEAD + "net = Net()\nnet.name('a.test')\n",
            "net.py:3: net.name('a.test'): must be a name and its addresses",
        ),
        (
            HEAD + "net = Net()\nnet.name('a.test', 'nonsense')\n",
            "net.py:3: net.name address 'nonsense': must be an IPv4 address like",
        ),
        (
            HEAD
            + "net = Net()\nnet.name('a.test', '192.0.2.1')\nnet.name('a.test', '192.0.2.2')\n",
            "net.py:4: net.name('a.test'): must be one line with all its addresses; ",
        ),
        (
            HEAD + "net = Net()\n@net.udp('a.test', 0)\ndef f(datagram): ...\n",
            "net.py:3: net.udp port 0: must be from 1 to 65535",
        ),
        (
            HEAD + "net = Net()\n@net.tcp('a.test', 80)\nasync def f(): ...\n",
            "net.py:3: net.tcp f: must be async def f(stream): ...",
        ),
        (
            HEAD + "net = Net()\n@net.udp('a.test', 80)\nasync def f(a, b): ...\n",
            "net.py:3: net.udp f: must be async def f(datagram): ...",
        ),
        (
            HEAD + "net = Net()\n@net.http('a.test')\ndef f(): ...\n",
            "net.py:3: net.http f: must be def f(request): ...",
        ),
        (
            HEAD + "net = Net()\n@net.at(1)\ndef f(when): ...\n",
            "net.py:3: net.at f: must be def f(): ...",
        ),
        (
            HEAD + "net = Net()\n@net.on_frame\nasync def f(frame): ...\n",
            "net.py:3: net.on_frame f: must be def f(frame): ...",
        ),
        (
            HEAD + "net = Net()\n@net.on_flow\ndef f(): ...\n",
            "net.py:3: net.on_flow f: must be def f(flow): ...",
        ),
        (
            HEAD + "net = Net()\n@net.dns\ndef f(name): ...\n@net.dns\ndef g(name): ...\n",
            "net.py:5: net.dns g: must be one function, f is it",
        ),
        (HEAD + "import json\njson.loads('x')\n", "net.py:3: JSONDecodeError: Expecting value"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert said in wrong(tmp_path, text)


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(str(tmp_path / "none.py"), "")
