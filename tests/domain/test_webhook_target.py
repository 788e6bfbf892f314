from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.webhook_target import (
    MAX_URL,
    AllowedHosts,
    choose_addresses,
    is_public,
    parse_allowed_hosts,
    parse_target,
)

PRIVATE = [
    "0.0.0.0",  # noqa: S104 - refused, not bound
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
INTERNAL = "internal"
HOME = "home"
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1"]


@pytest.mark.parametrize("text", PRIVATE)
def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    """Loopback, private, link-local, shared, reserved, multicast, and IPv6 that carries IPv4."""
    assert not is_public(ip_address(text))
    host = f"[{text}]" if ":" in text else text
    with pytest.raises(InvalidArgument, match="not a public address"):
        parse_target(f"https://{host}/hook")


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_accepted(text: str) -> None:
    """One machine on the internet, of either version."""
    host = f"[{text}]" if ":" in text else text
    assert parse_target(f"https://{host}/hook").host == text


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://017700000001/",
        "http://127.0.0.1./",
        "http://1.2.3.4.5/",
        "http://a.b.0x/",
        "http://[::1%25lo]/",
        "http://[fe80::1%eth0]/",
        "http://127。0。0。1/",
        "http://①②⑦.0.0.1/",
        "http://127.0.0.1%00.example.com/",
        "http://%31%32%37.0.0.1/",
        "http://localhost/",
        "http://LOCALHOST:8080/",
        "http://localhost./",
        "http://a.localhost/",
        "http://printer.local/",
        "http://printer.local./",
        f"http://metadata.google.{INTERNAL}/",
        f"http://router.{HOME}.arpa/",
        "http://intranet/",
        "http://exa mple.com/",
        "http://example.com\\@127.0.0.1/",
        "http://user:pw@example.com/",
        "http://user@example.com/",
        "http://@example.com/",
        "http://example.com@127.0.0.1/",
        "http://example.com/#@127.0.0.1",
        "http://example.com/#",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:-1/",
        "http://example.com:http/",
        "http://-example.com/",
        "http://exa_mple-.com/",
        "http://example..com/",
        "http:///hook",
        "http:/example.com/",
        "http:example.com",
        "//example.com/",
        "example.com/hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript:alert(1)",
        "http://[::1/",
        "http://example.com/\r\nHost: a",
        "http://example.com/\thook",
        " http://example.com/",
        "http://example.com/é",
        "",
        f"http://example.com/{'x' * MAX_URL}",
        f"http://{'a.' * 130}com/",
    ],
)
def test_an_url_with_a_trick_in_it_is_refused(url: str) -> None:
    """Other spellings of addresses, local names, credentials, fragments, odd ports and schemes."""
    with pytest.raises(InvalidArgument) as refusal:
        parse_target(url)

    assert refusal.value.field == "url"


def test_a_plain_url_is_taken_apart() -> None:
    """Scheme, host in lower case, port by scheme, path with its query as it was written."""
    target = parse_target("https://Hooks.Example.com/T0/a%2Fb?team=a&x")

    assert (target.scheme, target.host, target.port) == ("https", "hooks.example.com", 443)
    assert target.path == "/T0/a%2Fb?team=a&x"
    assert target.authority == "hooks.example.com"
    assert parse_target("http://example.com:8443").authority == "example.com:8443"
    assert parse_target("http://example.com:8443").path == "/"


@pytest.mark.parametrize("bad", PRIVATE)
def test_a_name_with_one_foot_inside_is_not_sent_to(bad: str) -> None:
    """Every address that a name resolves to must be public, not just the first."""
    target = parse_target("https://example.com/")

    with pytest.raises(InvalidArgument, match="not public"):
        choose_addresses(target, ["8.8.8.8", bad])


@pytest.mark.parametrize("found", [[], ["8.8.8.8"] * 65, ["fe80::1%eth0"], ["elsewhere"]])
def test_an_odd_answer_of_the_resolver_is_refused(found: list[str]) -> None:
    """No address, too many, one with a scope, and a text that is none."""
    with pytest.raises(InvalidArgument):
        choose_addresses(parse_target("https://example.com/"), found)


def test_ipv4_is_tried_first() -> None:
    """Fewer networks carry IPv6."""
    target = parse_target("https://example.com/")

    assert choose_addresses(target, ["2606:4700::1111", "8.8.8.8"]) == (
        "8.8.8.8",
        "2606:4700::1111",
    )


@given(st.ip_addresses())
def test_nothing_inside_is_ever_public(address: IPv4Address | IPv6Address) -> None:
    """Whatever the standard library calls private, local, reserved or multicast is refused."""
    if is_public(address):
        assert address.is_global
        marks = ("private", "loopback", "multicast", "link_local", "reserved", "unspecified")
        assert [mark for mark in marks if getattr(address, f"is_{mark}")] == []


def test_a_named_host_may_be_private() -> None:
    """An entry stands for one host as it is written, on one port or on all; no other gets through."""
    allowed = parse_allowed_hosts("127.0.0.1:9000, Hooks.test, [::1]:80")

    assert allowed.entries == {("127.0.0.1", 9000), ("hooks.test", None), ("::1", 80)}
    assert parse_target("http://127.0.0.1:9000/", allowed).port == 9000
    corp = parse_target("http://hooks.test:1234/", allowed)
    assert choose_addresses(corp, ["10.0.0.7"], allowed) == ("10.0.0.7",)
    for url in ("http://127.0.0.1:9001/", "http://127.0.0.2:9000/", "http://a.hooks.test./"):
        with pytest.raises(InvalidArgument):
            choose_addresses(parse_target(url, allowed), ["10.0.0.7"], allowed)
    assert parse_allowed_hosts("") == AllowedHosts()


@pytest.mark.parametrize(
    "text", ["http://a", "a/b", "u@h", "a:0", "a:x", "a:99999", ":80", "a?b", "a#b", "[::1"]
)
def test_a_list_of_hosts_that_makes_no_sense_is_refused(text: str) -> None:
    """What is no host or HOST:PORT is said at the start, not when something is sent."""
    with pytest.raises(InvalidArgument) as refusal:
        parse_allowed_hosts(text)

    assert refusal.value.field == "webhook_hosts"
