"""The language of service faults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pynat.config import Fault
from pynat.config.faults import FORMS, fault, usage
from pynat.config.toml import read_toml
from pynat.config.values import Wrong
from pynat.errors import ConfigError
from tests.spoiling import respelt, samples, sift

DOCS = Path(__file__).parents[2] / "docs" / "faults.md"
EXAMPLES = {"N": "3", "SECONDS": "2.5", "WHOLE": "30", "BYTES": "1500", "MTU": "1280"}
EXAMPLES |= {"GATEWAY": "192.0.2.1", "MASK": "255.255.0.0"}
SUBJECTS = {"NAME": "*.test", "ADDRESS": "192.0.2.7"}


@pytest.mark.parametrize(("service", "kind"), [(s, k) for s, kinds in FORMS.items() for k in kinds])
def test_every_form_is_read(service: str, kind: str) -> None:
    whole = usage(service, kind).replace("[", "").replace("]", "").split()
    text = " ".join((EXAMPLES | SUBJECTS).get(word, word.split("|")[0]) for word in whole)
    shortest = " ".join(word for word in text.split() if word != "3")
    assert fault(text).times == (3 if "[N]" in usage(service, kind) else None)
    assert fault(shortest).times is None
    assert (fault(text).service, fault(text).kind, str(fault(text))) == (service, kind, text)


def test_what_the_words_say() -> None:
    assert fault("dhcp silent request 3") == Fault(
        "dhcp silent request 3", "dhcp", "silent", word="request", times=3
    )
    assert fault("  dns Example.TEST.  slow 2.5") == Fault(
        "dns Example.TEST. slow 2.5", "dns", "slow", "example.test", number=2.5
    )


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("", "a fault of dhcp, dns, arp, icmp, and there it ends"),
        ("dhpc silent", "a fault of dhcp, dns, arp, icmp, not 'dhpc'; did you mean dhcp?"),
        ("arp silnt", "one of silent, wrong-mac, conflict, claim, failover behind 'arp',"),
        ("dhcp nak x", "dhcp nak [N]; 'x' does not fit there"),
        ("dhcp nak 0", "dhcp nak [N]; '0' does not fit there"),
        ("dhcp slow", "dhcp slow SECONDS [N], not nothing; SECONDS is a number from 0 to 86400"),
        ("dhcp slow nan", "dhcp slow SECONDS [N], not 'nan'; SECONDS is"),
        ("dhcp without all", "dhcp without mask|router|dns|server|lease [N], not 'all'"),
        ("dns", "dns NAME FAULT; NAME is a name, perhaps with * in it, not ''"),
        ("icmp x.test ttl-exceeded", "ADDRESS is an IPv4 address, not 'x.test'"),
        ("icmp 192.0.2.7 redirect", "GATEWAY is the IPv4 address of the router that is said to be"),
        ("icmp 192.0.2.7 mask-reply 16", "MASK is a net mask like 255.255.0.0"),
        (7, "text in quotes"),
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(text: object, right: str) -> None:
    with pytest.raises(Wrong) as caught:
        fault(text)
    assert right in caught.value.right


def test_a_spoilt_fault_is_read_as_it_is_told_or_refused() -> None:
    def read(text: str) -> None:
        found = fault(text)
        assert fault(str(found)) == found

    forms = [usage(service, kind) for service, kinds in FORMS.items() for kind in kinds]
    words = EXAMPLES | SUBJECTS | {"[N]": "3", "[discover|request]": "request"}
    valid = [
        " ".join(words.get(word, word.split("|")[0]) for word in form.split()) for form in forms
    ]
    refusals = [
        *("a fault of dhcp, dns, arp, icmp", "one of silent", "does not fit there", "SECONDS is"),
        *("NAME is a name", "ADDRESS is an IPv4 address", "did you mean", "text in UTF-8"),
    ]
    sift(samples(valid, respelt, 4000), read, Wrong, least=0.2, said=refusals)


def test_a_file_names_them() -> None:
    config = read_toml('faults = ["dhcp silent 3", "dns * servfail"]\n', "net.toml")
    assert [one.text for one in config.faults] == ["dhcp silent 3", "dns * servfail"]
    with pytest.raises(ConfigError, match=r'^net.toml:1: faults\[0\] = "arp sleep".*not .sleep'):
        read_toml('faults = ["arp sleep"]\n', "net.toml")


def test_a_file_may_not_have_too_many() -> None:
    with pytest.raises(ConfigError, match="faults = 1001: must be a list of 1000 at most"):
        read_toml(f"faults = {['arp silent'] * 1001}", "net.toml")


def test_the_docs_have_every_fault() -> None:
    rows = re.findall(r"^\| `(.+?)` \|", DOCS.read_text(), re.MULTILINE)
    forms = [usage(service, kind).strip() for service, kinds in FORMS.items() for kind in kinds]
    assert [row.replace("\\|", "|") for row in rows] == forms
