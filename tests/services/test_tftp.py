"""The TFTP server: what a boot loader does with it, and what goes wrong on the way."""

from __future__ import annotations

import errno
import os
import posixpath
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynat.config import Config, Network, Tftp
from pynat.nat.messages import FileData, FileFailed, FileOpened, FileWritten
from pynat.services.netascii import Decoder, encode
from pynat.services.tftp import MAX_TRANSFERS, path_of
from pynat.testing.lab import Lab
from pynat.testing.script import introduce, pattern
from pynat.testing.tftp import TftpClient
from pynat.wire import ipv4, tftp, udp
from pynat.wire.tftp import Packet
from tests.fuzzing import seeded
from tests.spoiling import spoilt

GUEST = "192.168.16.2"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "boot").mkdir(parents=True)
    (root / "boot" / "x").write_bytes(pattern(1300))
    return root


@pytest.fixture
def lab(root: Path) -> Lab:
    return Lab(Config(tftp=Tftp(root, write=True)))


@pytest.fixture
def client(lab: Lab) -> TftpClient:
    return TftpClient(lab)


def said(lab: Lab) -> list[str]:
    return [line.removeprefix(f"info tftp {GUEST}: ") for line in lab.log if " tftp " in line]


# ---------------------------------------------------------------- reading
def test_a_file_in_blocks_of_512(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x")
    assert client.got() == ["DATA block 1, 512 bytes"]
    assert client.port >= 61_000
    client.ack(1)
    assert client.got() == ["DATA block 2, 512 bytes"]
    lab.wait(0.5)
    client.ack(2)
    assert client.got() == ["DATA block 3, 276 bytes"]
    assert said(lab) == []
    client.ack(3)
    assert client.got() == []
    assert said(lab) == ['"boot/x" sent, 1300 bytes in 0.500 s']
    assert len(lab.router.tftp) == 0


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 5120, 200_000])
@pytest.mark.parametrize("options", [{}, {"windowsize": "4"}, {"blksize": "1400"}])
def test_files_of_any_size(
    root: Path, client: TftpClient, size: int, options: dict[str, str]
) -> None:
    (root / "f").write_bytes(pattern(size))
    assert client.fetch("f", **options) == pattern(size)


def test_grub_gets_its_answer_to_options(client: TftpClient) -> None:
    client.read("/boot/x", blksize="1024", tsize="0")
    assert client.got() == ["OACK blksize=1024 tsize=1300"]
    client.ack(0)
    assert client.got() == ["DATA block 1, 1024 bytes"]
    client.ack(1)
    assert client.got() == ["DATA block 2, 276 bytes"]
    client.ack(2)
    assert client.got() == []


def test_a_boot_rom_asks_for_the_size_and_breaks_off(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x", tsize="0")
    assert client.got() == ["OACK tsize=1300"]
    client.error(0, "TFTP Aborted")
    assert client.got() == []
    assert said(lab) == ['"boot/x" ended by the guest (error 0 TFTP Aborted), 0 bytes in 0.000 s']
    assert lab.router.next_timer() is not None  # late packets are ignored for a while
    lab.wait(60)
    assert client.got() == []
    assert lab.router.next_timer() is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"blksize": "8"}, "blksize=8"),
        ({"blksize": "1468"}, "blksize=1468"),
        ({"blksize": "65464"}, "blksize=1468"),
        ({"BLKSIZE": "600", "Tsize": "0"}, "blksize=600 tsize=1300"),
        ({"timeout": "3", "x": "y", "windowsize": "7"}, "timeout=3 windowsize=7"),
        ({"windowsize": "65535"}, "windowsize=32"),
    ],
)
def test_options_are_taken_as_far_as_they_can_be(
    client: TftpClient, asked: dict[str, str], told: str
) -> None:
    client.read("boot/x", **asked)
    assert client.got() == [f"OACK {told}"]


@pytest.mark.parametrize(
    "asked",
    [
        {"blksize": "7"},
        {"blksize": "65465"},
        {"blksize": "-8"},
        {"blksize": "1e3"},
        {"timeout": "0"},
        {"timeout": "256"},
        {"windowsize": "0"},
        {"windowsize": ""},
        {"multicast": ""},
        {"tsize": "9" * 50},
    ],
)
def test_options_that_make_no_sense_are_not_answered(
    client: TftpClient, asked: dict[str, str]
) -> None:
    client.read("boot/x", **asked)
    assert client.got() == ["DATA block 1, 512 bytes"]


def test_a_block_fits_a_packet_of_the_mtu(root: Path) -> None:
    config = Config(network=Network(mtu=600), tftp=Tftp(root))
    client = TftpClient(Lab(config))
    assert client.fetch("boot/x", blksize="1468") == pattern(1300)
    assert max(client.sizes) == 600 - 28


def test_an_ne2000_gets_small_windows(lab: Lab, client: TftpClient) -> None:
    lab.router.link_speed(10)
    client.read("boot/x", windowsize="32")
    assert client.got() == ["OACK windowsize=6"]


def test_block_numbers_of_a_written_file_wrap_to_zero(root: Path, client: TftpClient) -> None:
    data = pattern(65_538 * 8 + 3)
    client.store("large", data, blksize="8", windowsize="32")
    assert (root / "large").read_bytes() == data


def test_more_than_32_mib_in_plain_blocks(root: Path, client: TftpClient) -> None:
    with (root / "huge").open("wb") as file:
        file.truncate((33 << 20) + 1)
    client.read("huge")
    for number in range(1, (33 << 20) // 512 + 1):
        (packet,) = client.packets()
        assert (packet.block, len(packet.data)) == (number & 0xFFFF, 512)
        client.ack(number)
    assert client.got() == ["DATA block 2049, 1 bytes"]


# ---------------------------------------------------------------- loss, copies, silence
def test_what_is_not_acknowledged_comes_again_later_each_time(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x")
    began, times = lab.now, []
    while lab.router.tftp:
        if client.got() == ["DATA block 1, 512 bytes"]:
            times.append(lab.now - began)
        lab.wait(0.5)
    assert times == [0, 1, 3, 7, 15, 23]
    assert client.got() == ["ERROR 0: no answer"]
    assert said(lab) == ['"boot/x" given up (no answer), 0 bytes in 31.000 s, 5 packets repeated']


def test_the_clients_own_time_out(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x", timeout="20")
    client.got()
    lab.wait(19.9)
    assert client.got() == []
    lab.wait(0.2)
    assert client.got() == ["OACK timeout=20"]


def test_a_lost_block_costs_a_second(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x")
    client.got()
    client.ack(1)
    client.got()  # lost
    lab.wait(1)
    assert client.got() == ["DATA block 2, 512 bytes"]
    client.ack(2)
    client.got()
    client.ack(3)
    assert said(lab) == ['"boot/x" sent, 1300 bytes in 1.000 s, 1 packets repeated']


def test_no_sorcerers_apprentice(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x")
    client.got()
    client.ack(1)
    client.ack(1)
    assert client.got() == ["DATA block 2, 512 bytes"]
    client.ack(1)
    client.ack(0)
    assert client.got() == []


def test_the_last_acknowledgement_is_lost(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x", blksize="1400")
    client.got()
    client.ack(0)
    client.got()
    lab.wait(3600)
    assert set(client.got()) == {"DATA block 1, 1300 bytes"}
    (line,) = said(lab)
    assert line.startswith('"boot/x" sent, but the last block was not acknowledged, 1300 bytes')


def test_a_file_for_a_machine_that_is_reset_is_not_sent_on(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x")
    assert client.got() == ["DATA block 1, 512 bytes"]
    lab.router.reset_guest(lab.now)
    lab.wait(10)
    assert client.got() == []
    assert len(lab.router.tftp) == 0
    assert said(lab) == ['"boot/x" the guest was reset, 0 bytes in 0.000 s']


def test_late_packets_of_an_ended_transfer_are_ignored(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x", blksize="1400")
    client.got()
    client.ack(0)
    client.ack(1)
    client.got()
    client.ack(1)
    client.error(0, "x")
    assert client.got() == []
    assert lab.drops == {}
    assert len(said(lab)) == 1


def test_a_window_that_lost_a_block_goes_on_behind_it(root: Path, client: TftpClient) -> None:
    (root / "f").write_bytes(pattern(512 * 9))
    client.read("f", windowsize="4")
    client.got()
    client.ack(0)
    assert [p.block for p in client.packets()] == [1, 2, 3, 4]
    client.ack(2)  # 3 was lost, 4 came
    assert [p.block for p in client.packets()] == [3, 4, 5, 6]


def test_the_first_block_of_a_window_is_lost(root: Path, client: TftpClient) -> None:
    (root / "f").write_bytes(pattern(512 * 40))
    client.read("f", windowsize="4")
    client.got()
    for number in (0, 4, 8):
        client.ack(number)
    client.got()
    client.ack(8)  # 9 was lost, 10 came
    assert [p.block for p in client.packets()] == [9, 10, 11, 12]
    client.ack(8)  # the second copies of 10 to 12 made the client say it again
    client.ack(12)
    client.ack(12)
    assert [p.block for p in client.packets()] == [13, 14, 15, 16]


def test_a_request_that_comes_again(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x", tsize="0")
    client.read("boot/x", tsize="0")
    assert client.got() == ["OACK tsize=1300"] * 2
    assert len(lab.router.tftp) == 1


def test_a_guest_that_starts_again_from_the_same_port(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x")
    client.got()
    client.ack(1)
    client.got()
    old = client.port
    client.read("boot/x")
    assert client.got() == ["DATA block 1, 512 bytes"]
    assert client.port != old
    assert len(lab.router.tftp) == 1
    assert said(lab) == ['"boot/x" begun again, 512 bytes in 0.000 s']


def test_an_intruder_gets_error_5_and_does_no_harm(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x")
    client.got()
    other = TftpClient(lab, own_port=2001)
    other.port = client.port
    other.ack(1)
    assert other.got() == ["ERROR 5: unknown transfer"]
    other.error(0, "stop")
    assert other.got() == []
    assert lab.drops == {"tftp unknown transfer": 2}
    client.ack(1)
    assert client.got() == ["DATA block 2, 512 bytes"]


def test_packets_that_make_no_sense_end_the_transfer(lab: Lab, client: TftpClient) -> None:
    client.read("boot/x")
    client.got()
    client.data(1, b"x")
    assert client.got() == ["ERROR 4: DATA block 1, 1 bytes in a transfer to you"]
    assert len(lab.router.tftp) == 0


# ---------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("name", "error", "log"),
    [
        ("boot/y", "ERROR 1: file not found", "not found (file not found in {root})"),
        ("boot/x/z", "ERROR 1: file not found", "not found (file not found in {root})"),
        ("boot", "ERROR 2: is a folder", "failed (is a folder in {root})"),
        ("/", "ERROR 2: is a folder", "refused (is a folder)"),
        ("../secret", "ERROR 2: leads out of the root", "refused (leads out of the root)"),
        ("boot/../../secret", "ERROR 2: leads out of the root", "refused (leads out of the root)"),
        (
            "link",
            "ERROR 2: leads out of the root",
            "failed (leads out of the root in {root})",
        ),
        ("y" * 255, "ERROR 1: file not found", "not found (file not found in {root})"),
        ("y" * 256, "ERROR 1: the name is too long", "refused (the name is too long)"),
    ],
)
def test_what_cannot_be_read(
    lab: Lab, client: TftpClient, root: Path, name: str, error: str, log: str
) -> None:
    (root / "link").symlink_to("../secret")
    client.read(name)
    assert client.got() == [error]
    assert said(lab) == [f'"{name}" {log.format(root=root)}']
    assert len(lab.router.tftp) == 0


def test_a_file_that_the_user_may_not_read(lab: Lab, client: TftpClient, root: Path) -> None:
    client.read("boot/x")
    client.got()
    lab.from_host(FileFailed(lab.router.tftp._numbers.next() - 1, errno.EACCES))
    assert client.got() == ["ERROR 2: permission denied (EACCES)"]


@pytest.mark.parametrize("name", ["/boot/x", "\\boot\\x", "./boot//x", "boot/../boot/x"])
def test_names_are_taken_relative_to_the_root(client: TftpClient, name: str) -> None:
    assert client.fetch(name) == pattern(1300)


def test_no_name_has_a_way_up() -> None:
    for count in range(6):
        for parts in product((b"..", b".", b"", b"a", b"...", b" .."), repeat=count):
            right = posixpath.normpath(b"/".join(parts).lstrip(b"/"))
            inside = tuple(part for part in right.split(b"/") if part != b".")
            for divider in (b"/", b"\\"):
                found = path_of(divider.join(parts))
                assert found == (None if b".." in inside else inside), parts


def test_without_a_root(root: Path) -> None:
    lab = Lab()
    client = TftpClient(lab)
    client.read("boot/x")
    text = "TFTP is not configured: set [tftp] root or ethdev="
    assert client.got() == [f"ERROR 2: {text}"]
    assert said(lab) == [f'"boot/x" refused ({text})']


def test_mail_is_obsolete(client: TftpClient) -> None:
    client.read("boot/x", "mail")
    assert client.got() == ["ERROR 4: mode mail: only octet and netascii are known"]


def test_what_is_no_request(lab: Lab, client: TftpClient) -> None:
    client.port = 69
    client.ack(1)
    client.send_bytes(b"\0\1")
    assert client.got() == []
    assert lab.drops == {"tftp no request": 1, "tftp length": 1}


def test_no_more_than_so_many_at_once(lab: Lab, root: Path) -> None:
    clients = [TftpClient(lab, own_port=3000 + i) for i in range(MAX_TRANSFERS + 1)]
    for client in clients:
        client.read("boot/x")
        last = client.got()
    assert last == [f"ERROR 0: {MAX_TRANSFERS} transfers are running"]
    assert len({client.port for client in clients[:-1]}) == MAX_TRANSFERS
    lab.wait(3600)
    lab.to_guest()
    assert len(lab.router.tftp) == 0
    assert lab.router.next_timer() is None
    introduce(lab)
    assert clients[0].fetch("boot/x") == pattern(1300)


def test_memory_and_descriptors_are_bounded(lab: Lab) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(1000):
        client = TftpClient(lab, own_port=2000 + number)
        client.read("boot/x")
        client.got()
        client.error(0, "")
    assert len(lab.router.tftp._transfers) <= 2 * MAX_TRANSFERS
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_many_transfers_side_by_side(lab: Lab, root: Path) -> None:
    clients = {3000 + i: TftpClient(lab, own_port=3000 + i) for i in range(50)}
    received = dict.fromkeys(clients, b"")
    for port, client in clients.items():
        (root / str(port)).write_bytes(pattern(port))
        client.read(str(port))
    while frames := lab.to_guest():
        for frame in frames:
            datagram = udp.decode(ipv4.decode(memoryview(frame)[14:]))
            client, packet = clients[datagram.destination], tftp.decode(datagram.payload)
            received[datagram.destination] += packet.data
            client.port = datagram.source
            client.ack(packet.block)
    assert received == {port: pattern(port) for port in clients}


def test_a_file_that_cannot_be_read_to_the_end(
    lab: Lab, client: TftpClient, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "f").write_bytes(pattern(200_000))
    client.read("f")

    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "pread", broken)
    got: list[str] = []
    for number in range(1, 200):
        got += client.got()
        client.ack(number)
    assert got[-1] == "ERROR 0: input/output error (EIO)"
    assert said(lab) == [f'"f" failed (input/output error (EIO) in {root})']


# ---------------------------------------------------------------- writing
def test_a_file_is_written(lab: Lab, client: TftpClient, root: Path) -> None:
    client.write("new", tsize="700")
    assert client.got() == ["OACK tsize=700"]
    client.data(1, pattern(512))
    assert client.got() == ["ACK block 1"]
    client.data(2, pattern(188, 512))
    assert client.got() == ["ACK block 2"]
    assert (root / "new").read_bytes() == pattern(700)
    assert said(lab) == ['"new" received, 700 bytes in 0.000 s']


@pytest.mark.parametrize("size", [0, 1, 512, 5000])
@pytest.mark.parametrize("options", [{}, {"windowsize": "4"}, {"blksize": "1400"}])
def test_written_files_of_any_size(
    root: Path, client: TftpClient, size: int, options: dict[str, str]
) -> None:
    client.store("boot/x", pattern(size), **options)
    assert (root / "boot" / "x").read_bytes() == pattern(size)


def test_the_last_block_comes_again(lab: Lab, client: TftpClient) -> None:
    client.write("new")
    assert client.got() == ["ACK block 0"]
    client.data(1, b"x")
    client.got()  # lost
    lab.wait(3)
    client.data(1, b"x")
    assert client.got() == ["ACK block 1"]
    lab.wait(10)
    assert lab.router.next_timer() is None


def test_our_acknowledgement_is_lost(lab: Lab, client: TftpClient, root: Path) -> None:
    client.write("new")
    lab.wait(1)
    assert client.got() == ["ACK block 0"] * 2
    client.data(1, pattern(512))
    client.got()
    client.data(1, pattern(512))
    assert client.got() == ["ACK block 1"]
    lab.wait(1)
    assert client.got() == ["ACK block 1"]
    client.data(2, b"")
    assert (root / "new").read_bytes() == pattern(512)


def test_a_block_of_a_written_window_is_lost(client: TftpClient, root: Path) -> None:
    client.write("new", windowsize="4")
    client.got()
    client.data(1, pattern(512))
    client.data(3, b"")
    client.data(4, b"")
    assert client.got() == ["ACK block 1"]
    for number in (2, 3, 4, 5):
        client.data(number, pattern(512))
    assert client.got() == ["ACK block 5"]


def test_a_writer_that_repeats_itself_is_counted(lab: Lab, client: TftpClient) -> None:
    client.write("new")
    client.got()
    for number in (1, 1, 1, 2):
        client.data(number, pattern(512) if number == 1 else b"")
    assert client.got() == ["ACK block 1"] * 3 + ["ACK block 2"]
    assert said(lab) == ['"new" received, 512 bytes in 0.000 s, 2 packets repeated']


def test_a_writer_that_falls_silent(lab: Lab, client: TftpClient, root: Path) -> None:
    client.write("new")
    client.got()
    client.data(1, pattern(512))
    lab.wait(60)
    assert client.got()[-1] == "ERROR 0: no answer"
    assert said(lab) == ['"new" given up (no answer), 512 bytes in 31.000 s, 5 packets repeated']


@pytest.mark.parametrize(
    ("config", "options", "error"),
    [
        (Tftp(), {}, "ERROR 2: writing is off: set [tftp] write = true"),
        (
            Tftp(write=True, max_size=1000),
            {"tsize": "1001"},
            "ERROR 3: more than 1000 bytes, see tftp.max_size",
        ),
    ],
)
def test_writing_refused(root: Path, config: Tftp, options: dict[str, str], error: str) -> None:
    client = TftpClient(Lab(Config(tftp=replace(config, root=root))))
    client.write("boot/x", **options)
    assert client.got() == [error]
    assert (root / "boot" / "x").read_bytes() == pattern(1300)


def test_too_much_is_written(root: Path) -> None:
    lab = Lab(Config(tftp=Tftp(root, write=True, max_size=600)))
    client = TftpClient(lab)
    client.write("new")
    client.got()
    client.data(1, pattern(512))
    client.got()
    client.data(2, pattern(512))
    assert client.got() == ["ERROR 3: more than 600 bytes"]
    assert (root / "new").stat().st_size == 512
    assert said(lab) == ['"new" given up (more than 600 bytes), 512 bytes in 0.000 s']


def test_a_block_longer_than_agreed(client: TftpClient) -> None:
    client.write("new")
    client.got()
    client.data(1, pattern(513))
    assert client.got() == ["ERROR 4: a block of 513 bytes, agreed were 512"]


def test_the_disk_is_full(lab: Lab, client: TftpClient, root: Path) -> None:
    client.write("new")
    client.got()
    flow = next(iter(lab.router.tftp._by_number))
    lab.from_host(FileFailed(flow, errno.ENOSPC))
    assert client.got() == ["ERROR 3: no space left on device (ENOSPC)"]


# ---------------------------------------------------------------- netascii
def test_text_mode(root: Path, client: TftpClient) -> None:
    (root / "t").write_bytes(b"a\nb\rc\r\nd")
    assert client.fetch("t", "netascii") == b"a\r\nb\r\0c\r\0\r\nd"
    client.store("u", b"a\r\nb\r\0c\r\0\r\nd", "NetASCII", blksize="8")
    assert (root / "u").read_bytes() == b"a\nb\rc\r\nd"
    client.read("t", "netascii", tsize="0")
    assert client.got() == ["DATA block 1, 12 bytes"]


@given(st.text("ab\r\n\0", max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_netascii_survives_any_cut(text: str, cuts: list[int]) -> None:
    data = text.encode()
    encoded = encode(data)
    places = sorted({0, *(min(cut, len(encoded)) for cut in cuts), len(encoded)})
    decoder = Decoder()
    pieces = [encoded[a:b] for a, b in pairwise(places)]
    decoded = b"".join(decoder.decode(piece, last=False) for piece in pieces)
    assert decoded + decoder.decode(b"", last=True) == data


# ---------------------------------------------------------------- loss at random, fuzz
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("window", ["1", "4", "16"])
def test_a_wire_that_loses_and_doubles(lab: Lab, root: Path, window: str, seed: int) -> None:
    """A client that acknowledges as RFC 7440 says, over a bad wire; it always gets the file."""
    dice = random.Random(seed)
    (root / "f").write_bytes(pattern(30_000))
    client = TftpClient(lab)
    client.read("f", windowsize=window)
    received, number, since, complained = b"", 0, 0, False
    begun = False
    while lab.router.tftp:
        packets = client.packets()
        if not packets:
            lab.wait(0.25)
            continue
        for packet in packets:
            for _ in range(dice.choice([0, 1, 1, 1, 1, 1, 1, 1, 2])):
                if packet.opcode == tftp.OACK:
                    begun = True
                    client.ack(0)
                elif packet.opcode == tftp.DATA and packet.block == number + 1:
                    number, since, complained = number + 1, since + 1, False
                    received += packet.data
                    if since == int(window) or len(packet.data) < 512:
                        since = 0
                        client.ack(number)
                elif packet.opcode == tftp.DATA and not complained:
                    since, complained = 0, True
                    client.ack(number)
    assert begun
    assert received == pattern(30_000)
    assert said(lab)[0].startswith('"f" sent')


def test_spoilt_datagrams_end_no_other_transfer_than_their_own(root: Path) -> None:
    """Whatever is said to the server or to a transfer, reading and writing, all ends."""
    requests = [
        b"\0\1boot/x\0octet\0",
        b"\0\1boot/x\0netascii\0tsize\0000\0blksize\0008\0windowsize\0004\0timeout\0001\0",
        b"\0\2new\0octet\0",
        b"\0\2new\0octet\0blksize\0008\0tsize\00040\0",
    ]
    packets = [Packet(tftp.ACK, number) for number in range(4)]
    packets += [Packet(tftp.DATA, number, bytes(8)) for number in range(4)]
    packets += [Packet(tftp.ERROR, 0, b"text"), Packet(tftp.OACK, options={"blksize": "8"})]
    dice, answers = seeded(1), Counter[int]()
    for _ in range(200):
        lab = Lab(Config(tftp=Tftp(root, write=True)))
        client, other = TftpClient(lab), TftpClient(lab, own_port=2001)
        other.read("boot/x")
        other.packets()
        client.send_bytes(dice.choice(requests))
        for _ in range(12):
            answers.update(packet.opcode for packet in client.packets())
            data = tftp.encode(dice.choice(packets))
            data = spoilt(data, dice) if dice.randrange(2) else data
            client.send_bytes(data, client.port)
            if not dice.randrange(6):
                client.send_bytes(spoilt(dice.choice(requests), dice))
        other.ack(1)
        assert other.got() == ["DATA block 2, 512 bytes"]
        lab.wait(3600)
        assert len(lab.router.tftp) == 0
        lab.files.close_all()
    assert min(answers[kind] for kind in (tftp.DATA, tftp.ACK, tftp.ERROR, tftp.OACK)) > 30


def test_events_for_a_transfer_that_has_ended(lab: Lab) -> None:
    for event in (FileOpened(9, 1), FileData(9, b""), FileWritten(9), FileFailed(9, 1)):
        lab.from_host(event)
    assert lab.to_guest() == []
