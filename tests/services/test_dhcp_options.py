"""What DHCP tells a guest, from the configuration and by who asks; scapy is the judge."""

from __future__ import annotations

import pytest

from pynat.services.leases import OFFER_LASTS
from pynat.wire import dhcp
from tests.services.dhcp_net import A, B, C, Net, config

WITH_ROUTES = """
[dhcp]
ntp = ["192.168.16.7", "192.0.2.1"]
routes = ["10.0.0.0/8 via 192.168.16.1", "172.16.5.128/25 via 192.168.16.9"]
"""


def option(net: Net, code: int, mac: str = A, **fields: object) -> bytes | None:
    offer = net.ask(mac, "discover", **fields)
    return dhcp.decode(offer.reply.payload).options.get(code)


# ---------------------------------------------------------------- the same for all
def test_time_servers_and_routes() -> None:
    offer = Net(config(WITH_ROUTES)).ask(A, "discover")
    assert offer.options["NTP_server"] == ("192.168.16.7", "192.0.2.1")
    assert offer.options["router"] == ("192.168.16.1",)
    assert offer.options["classless_static_routes"] == (
        [
            "10.0.0.0/8:192.168.16.1",
            "172.16.5.128/25:192.168.16.9",
            "0.0.0.0/0:192.168.16.1",
        ],
    )


def test_routes_as_rfc_3442_writes_them() -> None:
    routes = option(Net(config(WITH_ROUTES)), dhcp.ROUTES)
    assert routes == bytes(
        (8, 10, 192, 168, 16, 1, 25, 172, 16, 5, 128, 192, 168, 16, 9, 0, 192, 168, 16, 1)
    )


def test_a_default_route_of_the_users_is_the_only_one() -> None:
    net = Net(config('dhcp.routes = ["0.0.0.0/0 via 192.168.16.9"]'))
    assert option(net, dhcp.ROUTES) == bytes((0, 192, 168, 16, 9))


def test_the_mtu_is_told_to_who_asks() -> None:
    net = Net()
    assert option(net, dhcp.MTU) is None
    assert option(net, dhcp.MTU, param_req_list=[1, 26]) == b"\x05\xdc"
    assert option(Net(config("network.mtu = 1400")), dhcp.MTU) == b"\x05\x78"


def test_any_option_by_number() -> None:
    net = Net(
        config(
            '[dhcp.options]\n150 = "ip:192.168.16.1, 192.168.16.7"\n209 = "text:a b"\n'
            '43 = "hex:06 01 08"\n23 = "u8:64"\n26 = "u16:0x578"\n2 = "u32:3600"\n80 = "hex:"\n'
            '6 = "ip:9.9.9.9"'
        )
    )
    options = dhcp.decode(net.ask(A, "discover").reply.payload).options
    found = {code: options[code] for code in (150, 209, 43, 23, 26, 2, 80, 6)}
    assert found == {
        150: bytes((192, 168, 16, 1, 192, 168, 16, 7)),
        209: b"a b",
        43: b"\x06\x01\x08",
        23: b"@",
        26: b"\x05\x78",
        2: b"\0\0\x0e\x10",
        80: b"",
        6: bytes((9, 9, 9, 9)),
    }


def test_an_empty_value_leaves_out_what_would_be_sent() -> None:
    net = Net(config("[dhcp.options]\n6 = 'text:'\n3 = 'hex:'"))
    assert option(net, dhcp.DNS, param_req_list=[3, 6]) is None
    assert option(net, dhcp.ROUTER, param_req_list=[3, 6]) is None


# ---------------------------------------------------------------- booting
def test_what_a_boot_rom_reads() -> None:
    net = Net(config('dhcp.bootfile = "boot/x"'))
    offer = net.ask(A, "discover", param_req_list=[66, 67])
    assert offer.packet.siaddr == "192.168.16.1"
    assert offer.packet.file.rstrip(b"\0") == b"boot/x"
    assert offer.options["boot-file-name"] == (b"boot/x",)
    assert offer.options["tftp_server_name"] == (b"192.168.16.1",)
    assert option(net, dhcp.SERVER_NAME) is None


def test_the_name_of_the_boot_server_is_the_users() -> None:
    written = '[dhcp]\nbootfile = "x"\nserver_name = "boot"\nnext_server = "192.168.16.9"'
    offer = Net(config(written)).ask(A, "discover", param_req_list=[66])
    assert offer.options["tftp_server_name"] == (b"boot",)
    assert offer.packet.siaddr == "192.168.16.9"


def test_a_long_bootfile_is_an_option_only() -> None:
    url = "http://192.168.16.1/" + "x" * 120
    offer = Net(config(f'dhcp.bootfile = "{url}"')).ask(A, "discover")
    assert offer.packet.file.rstrip(b"\0") == b""
    assert offer.options["boot-file-name"] == (url.encode(),)


def test_ipxe_gets_its_script() -> None:
    net = Net(config('[dhcp]\nbootfile = "undionly.kpxe"\nipxe_bootfile = "boot.ipxe"'))
    rom, ipxe = net.ask(A, "discover"), net.ask(A, "discover", user_class=b"iPXE")
    assert rom.packet.file.rstrip(b"\0") == rom.options["boot-file-name"][0] == b"undionly.kpxe"
    assert ipxe.packet.file.rstrip(b"\0") == ipxe.options["boot-file-name"][0] == b"boot.ipxe"
    rfc_3004 = net.ask(A, "discover", user_class=b"\4iPXE")
    assert rfc_3004.options["boot-file-name"] == (b"boot.ipxe",)


def test_bootp_gets_the_bootfile() -> None:
    reply = Net(config('dhcp.bootfile = "boot/x"')).ask(A)
    assert (reply.kind, reply.packet.file.rstrip(b"\0")) == ("bootp", b"boot/x")


# ---------------------------------------------------------------- reserved addresses
RESERVED = f"""
[dhcp]
hostname = "guest"
[dhcp.static]
"{B}" = {{address = "192.168.16.2", hostname = "box"}}
"{C}" = "192.168.16.9"
"""


def test_a_reserved_address_is_its_macs_alone() -> None:
    net = Net(config(RESERVED))
    assert net.lease(A) == "192.168.16.3"
    assert net.lease(B) == "192.168.16.2"
    assert net.lease(C, requested_addr="192.168.16.50") == "192.168.16.9"
    assert net.ask(A, "discover", requested_addr="192.168.16.9").address == "192.168.16.3"
    assert net.ask(A, "request", requested_addr="192.168.16.9").kind == "nak"
    assert net.ask(C, "request", requested_addr="192.168.16.50").kind == "nak"
    assert net.ask(C, "request", ciaddr="192.168.16.9").kind == "ack"
    assert net.ask(C).address == "192.168.16.9"  # BOOTP


def test_a_reserved_host_name() -> None:
    net = Net(config(RESERVED))
    assert option(net, dhcp.HOSTNAME, B) == b"box"
    assert option(net, dhcp.HOSTNAME, C) == b"guest"


def test_a_reserved_address_that_was_declined_is_offered_again() -> None:
    net = Net(config(RESERVED), used={"192.168.16.9": A})
    net.lease(C)
    net.send(C, "decline", requested_addr="192.168.16.9")
    assert net.said[-1].startswith("192.168.16.9 declined")
    assert net.lease(C) == "192.168.16.9"


# ---------------------------------------------------------------- many clients, long times
def mac(number: int) -> str:
    return (b"\x52\x54" + number.to_bytes(4, "big")).hex(":")


def test_fifty_clients_have_fifty_addresses() -> None:
    net = Net()
    assert [net.lease(mac(i)) for i in range(50)] == [f"192.168.16.{2 + i}" for i in range(50)]
    net.now = 43_200
    for i in range(50):
        assert net.ask(mac(i), "request", ciaddr=f"192.168.16.{2 + i}").kind == "ack"


@pytest.mark.parametrize("lease", [60, 3600, 86_400])
def test_a_day_of_renewing(lease: int) -> None:
    """At T1 of each lease, and once only at T2; nobody else gets the address meanwhile."""
    net = Net(config(f"dhcp.lease = {lease}"))
    net.lease(A)
    late = False
    while net.now < 86_400:
        ack = net.ask(A, "request", ciaddr="192.168.16.2")
        assert ack.options["lease_time"] == (lease,)
        name = "rebinding_time" if late else "renewal_time"
        net.now += ack.options[name][0]
        late = not late
        assert net.ask(B, "discover", requested_addr="192.168.16.2").address == "192.168.16.3"
    assert len(net.server.leases) == 2
    assert sum("leased" in line for line in net.said) == 1


def test_a_hundred_thousand_macs_fill_no_memory() -> None:
    net = Net(config('network.net = "192.168.16.0/28"'))
    net.lease(A)
    for number in range(100_000):
        client = b"\x52\x55" + number.to_bytes(4, "big")
        message = dhcp.Message(dhcp.REQUEST, number, client, options={dhcp.KIND: b"\1"})
        net.server.from_guest(dhcp.encode(message)[0], net.now)
        net.now += 0.01
    assert len(net.server.leases) == 13
    assert len(net.said) < 2000
    net.now += OFFER_LASTS
    assert net.ask(A, "request", ciaddr="192.168.16.2").kind == "ack"
    assert net.lease(B) != "192.168.16.2"
