"""Which https addresses may be read, as far as that can be told without a network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openjd_vstitcher.storage.inputs.hosts import is_public, parse_url, refusal


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.170",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:10.0.0.1",
        "::ffff:0:7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_that_are_not_of_the_public_internet_are_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450:4001::200e"])
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://h:99999/x", "a port from 1 to 65535"),
        ("https://h:0/x", "a port from 1 to 65535"),
        ("https://h:x/x", "a port from 1 to 65535"),
        ("https://[::1/x", "is not a valid URL"),
        ("https://[12345::1]/x", "is not a valid URL"),
        ("https://[v1.x]/x", "invalid host name"),
        ("https://[fe80::1%25eth0]/x", "invalid host name"),
        ("ftp://h/x", "is not a valid URL"),
        ("https:///x", "invalid host name"),
        ("https://a..b/x", "invalid host name"),
        (f"https://{'a' * 64}.example/x", "invalid host name"),
        ("https://a b/x", "invalid host name"),
        ("https://user:canary@h/x", "has a user or password"),
    ],
)
def test_url_that_cannot_be_requested_is_refused_without_repeating_it(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_url(url)
    assert "canary" not in str(caught.value)


@given(rest=st.text(max_size=40))
def test_any_text_is_a_url_or_a_refusal(rest: str) -> None:
    try:
        address = parse_url(f"https://{rest}")
    except ValueError:
        return
    assert f"{address.netloc}{address.target}".isascii()
    assert 0 < address.port < 65536


def test_parts_are_as_a_request_needs_them() -> None:
    address = parse_url("https://Büro.Example/a b/é.bw?sig=a+b%2F&x=é")
    assert (address.host, address.port) == ("xn--bro-hoa.example", 443)
    assert address.target == "/a%20b/%C3%A9.bw?sig=a+b%2F&x=%C3%A9"
    assert parse_url("https://h").target == "/"
    assert parse_url("https://[2606:4700::1111]:8443/x").netloc == "[2606:4700::1111]:8443"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://cdn.example.com/in/x.bw", True),
        ("https://CDN.example.com:443/in/x.bw?sig=1", True),
        ("https://cdn.example.com/in", True),
        ("https://cdn.example.com/input/x.bw", False),
        ("https://cdn.example.com:8443/in/x.bw", False),
        ("https://cdn.example.com.evil.example/in/x.bw", False),
        ("https://open.example", True),
        ("https://open.example/any/x.bw", True),
        ("https://other.example/x.bw", False),
        ("https://cdn.example.com/in/../x", False),
        ("https://cdn.example.com/in/%2e%2E/x", False),
        ("https://cdn.example.com/in/%252e%252e/x", False),
        ("https://cdn.example.com/in/a%2F..%2F..%2Fx", False),
        ("https://cdn.example.com/in/..\\x", False),
        ("https://cdn.example.com/in/..", False),
        ("https://cdn.example.com/in/..x/x...bw", True),
    ],
)
def test_url_is_under_a_prefix_only_on_its_host_and_below_its_folder(url: str, allowed: bool) -> None:
    prefixes = ["https://cdn.example.com/in/", "s3://bucket/", "https://open.example"]
    assert parse_url(url).is_under(prefixes) is allowed


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "017700000001",
        "①②⑦.⓪.⓪.①",
        "127.0.0.1.",
        "10.0.0.1:8443",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[fec0::1]",
        "localhost",
        "LOCALHOST.",
        "db.localhost",
    ],
)
def test_private_host_is_refused_by_its_name_alone(host: str) -> None:
    assert refusal(parse_url(f"https://{host}/tee.bw"), []) == (
        "leads to a private address; inputs.allow_private_hosts can allow it"
    )


def test_private_and_plain_hosts_that_are_configured_are_allowed() -> None:
    assert refusal(parse_url("https://127.0.0.1/x"), ["127.0.0.1"]) is None
    assert refusal(parse_url("http://nas.example:8080/x"), ["nas.example:8080"]) is None
    assert refusal(parse_url("http://nas.example/x"), ["nas.example:8080"]) == "is not https"
    assert refusal(parse_url("https://[fd00::1]/x"), ["fd00::1"]) is None
    assert refusal(parse_url("https://cdn.example.com/x"), []) is None
