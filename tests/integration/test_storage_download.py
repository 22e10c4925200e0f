"""Fetching inputs from an HTTP server that behaves badly, and from addresses that may not be read."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.errors import InvalidInput, StorageError
from openjd_vstitcher.storage.inputs.cache import Cache
from openjd_vstitcher.storage.inputs.download import fetch
from tests.input_server import CONTENT, SHA256, InputServer, entry_of, server

__all__ = ["server"]


def test_download_that_breaks_off_goes_on_where_it_was(server: InputServer, tmp_path: Path) -> None:
    server.cut_after = [300_000, 200_000]
    entry = entry_of(f"http://{server.host}/tee.bw", sha256=SHA256, size_bytes=len(CONTENT))
    fetched = fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host])
    assert (fetched.sha256, (tmp_path / "tee.bw").read_bytes()) == (SHA256, CONTENT)
    assert [asked for _, asked in server.requests] == [None, "bytes=300000-", "bytes=500000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["tee.bw"]


def test_input_without_a_pin_is_fetched_from_its_beginning_again(server: InputServer, tmp_path: Path) -> None:
    server.cut_after = [300_000]
    entry = entry_of(f"http://{server.host}/tee.bw", version="")
    assert fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host]).sha256 == SHA256
    assert [asked for _, asked in server.requests] == [None, None]


def test_passing_answers_are_tried_again(server: InputServer, tmp_path: Path) -> None:
    server.statuses = [503, 429]
    entry = entry_of(f"http://{server.host}/tee.bw")
    assert fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host]).sha256 == SHA256


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [(403, StorageError, "answered 403"), (404, InvalidInput, "does not exist"), (412, InvalidInput, "was replaced")],
)
def test_lasting_answers_are_errors_without_the_signature(
    server: InputServer, tmp_path: Path, status: int, error: type[Exception], message: str
) -> None:
    server.statuses = [status]
    entry = entry_of(f"http://{server.host}/tee.bw?X-Amz-Signature=canary")
    with pytest.raises(error, match=message) as caught:
        fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host])
    assert "canary" not in str(caught.value)


def test_other_bytes_than_the_manifest_says_are_refused(server: InputServer, tmp_path: Path) -> None:
    entry = entry_of(f"http://{server.host}/tee.bw", sha256="0" * 64)
    with pytest.raises(InvalidInput, match="its SHA-256 is"):
        fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/tee.bw", "is not https"),
        ("https://127.0.0.1/tee.bw", "private address"),
        ("https://169.254.169.254/latest/meta-data", "private address"),
        ("https://[::1]/tee.bw", "private address"),
        ("https://[::ffff:10.0.0.1]/tee.bw", "private address"),
        ("https://10.0.0.1/tee.bw", "private address"),
        ("https://localhost/tee.bw", "private address"),
        ("https://[64:ff9b::7f00:1]/tee.bw", "private address"),
        ("https://[2002:7f00:1::]/tee.bw", "private address"),
        ("https://[::7f00:1]/tee.bw", "private address"),
        ("https://[fec0::1]/tee.bw", "private address"),
        ("https://h:99999/tee.bw", "port from 1 to 65535"),
        ("https://a..b/tee.bw", "invalid host name"),
        ("https://[::1/tee.bw", "not a valid URL"),
    ],
)
def test_private_addresses_and_plain_http_are_refused(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        fetch(entry_of(url), tmp_path / "tee.bw")


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("file:///etc/passwd", "redirects to another scheme"),
        ("https://example.com/x", "redirects to another scheme"),
        ("http://10.0.0.1/x", "is not https"),
        ("http://[::1/x", "redirects to another scheme, or to an invalid URL"),
        ("/redirect?/redirect?/x", None),
    ],
)
def test_redirect_leads_nowhere_that_the_first_address_could_not(
    server: InputServer, tmp_path: Path, location: str, message: str | None
) -> None:
    entry = entry_of(f"http://{server.host}/redirect?{location}")
    if message is None:
        assert fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host]).sha256 == SHA256
        return
    with pytest.raises(InvalidInput, match=message):
        fetch(entry, tmp_path / "tee.bw", allow_private_hosts=[server.host])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_followed(server: InputServer, tmp_path: Path, status: int) -> None:
    server.redirect_status = status
    fetched = fetch(entry_of(f"http://{server.host}/redirect?/x"), tmp_path / "x", allow_private_hosts=[server.host])
    assert fetched.sha256 == SHA256


def test_endless_redirects_end(server: InputServer, tmp_path: Path) -> None:
    loop = "/redirect?" * 10 + "/x"
    with pytest.raises(InvalidInput, match="redirects more than 5 times"):
        fetch(entry_of(f"http://{server.host}{loop}"), tmp_path / "x", allow_private_hosts=[server.host])


def test_second_job_takes_an_input_from_the_cache(server: InputServer, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1 << 30)
    entry = entry_of(f"http://{server.host}/tee.bw", size_bytes=len(CONTENT))
    for name in ("one", "two"):
        fetched = fetch(entry, tmp_path / name, allow_private_hosts=[server.host], cache=cache)
        assert fetched.path.read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_concurrent_jobs_share_the_cache_safely(server: InputServer, tmp_path: Path) -> None:
    entries = [entry_of(f"http://{server.host}/{n % 3}", source_uri=f"s3://b/{n % 3}") for n in range(12)]
    caches = [Cache(tmp_path / "cache", 2 * len(CONTENT)) for _ in entries]
    sums: list[str] = []

    def bring(number: int) -> None:
        target = tmp_path / f"job{number}"
        sums.append(fetch(entries[number], target, allow_private_hosts=[server.host], cache=caches[number]).sha256)

    threads = [threading.Thread(target=bring, args=[number]) for number in range(len(entries))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [SHA256] * len(entries)


def test_signed_url_may_lead_to_a_private_host_but_to_no_other(server: InputServer, tmp_path: Path) -> None:
    entry = entry_of(f"http://{server.host}/tee.bw", signed_for=server.host)
    assert fetch(entry, tmp_path / "x").sha256 == SHA256
    for other in ("127.0.0.1", "127.0.0.1:1", "", server.host.replace("127.0.0.1", "localhost")):
        with pytest.raises(InvalidInput, match="is not https"):
            fetch(entry_of(f"http://{server.host}/tee.bw", signed_for=other), tmp_path / "y")


@pytest.mark.parametrize("prefixes", [(), ("https://cdn.example.com",)])
def test_redirect_leads_only_to_what_the_job_could_name(
    server: InputServer, tmp_path: Path, prefixes: tuple[str, ...]
) -> None:
    entry = entry_of(f"http://{server.host}/redirect?/x", redirect_to=prefixes)
    with pytest.raises(InvalidInput, match=r"redirects to an address that inputs\.read_from does not allow"):
        fetch(entry, tmp_path / "x", allow_private_hosts=[server.host])
    assert len(server.requests) == 1


def test_redirect_to_another_host_takes_no_headers_along(server: InputServer, tmp_path: Path) -> None:
    with InputServer() as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        entry = entry_of(f"http://{server.host}/redirect?http://{other.host}/x", headers={"Authorization": "canary"})
        fetch(entry, tmp_path / "x", allow_private_hosts=[server.host, other.host])
        other.shutdown()
        thread.join()
    assert server.headers[0]["Authorization"] == "canary"
    assert "canary" not in str(other.headers)


def test_connection_goes_to_the_address_that_was_checked(
    server: InputServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is looked up, and private when it is looked up again or connected to."""
    resolved = [[(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))]]
    connected: list[Any] = []

    def connect(address: Any, _: float) -> socket.socket:
        connected.append(address)
        return _peer(server)

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: resolved.pop())
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(InvalidInput, match="private address"):
        fetch(entry_of("https://rebinding.example/x"), tmp_path / "x")
    assert connected == [("93.184.216.34", 443)]


def test_name_of_which_one_address_is_private_is_not_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.216.34", "10.0.0.1")]
    connected: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket, "create_connection", lambda *given: connected.append(given))
    with pytest.raises(InvalidInput, match="private address"):
        fetch(entry_of("https://mixed.example/x"), tmp_path / "x")
    assert connected == []


def _peer(server: InputServer) -> socket.socket:
    connection = socket.socket()
    connection.connect(("127.0.0.1", server.server_port))
    return connection


def test_failures_of_our_storage_and_of_other_hosts_are_told_apart(server: InputServer, tmp_path: Path) -> None:
    url = f"http://{server.host}/tee.bw"
    for signed_for in (server.host, ""):
        server.statuses = [403]
        with pytest.raises(StorageError, match="answered 403") as caught:
            fetch(entry_of(url, signed_for=signed_for), tmp_path / "x", allow_private_hosts=[server.host])
        assert caught.value.transient is bool(signed_for)


@pytest.mark.parametrize(
    ("error", "signed", "transient"),
    [
        (ConnectionRefusedError("refused"), True, True),
        (ConnectionRefusedError("refused"), False, False),
        (ssl.SSLCertVerificationError(1, "self-signed"), True, False),
    ],
)
def test_only_our_storage_is_expected_back_when_a_host_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, signed: bool, transient: bool
) -> None:
    def refuse(*_: Any) -> socket.socket:
        raise error

    monkeypatch.setattr("openjd_vstitcher.storage.inputs.download._TRIES", 1)
    monkeypatch.setattr(socket, "create_connection", refuse)
    host = "127.0.0.1:9"
    entry = entry_of(f"https://{host}/tee.bw", signed_for=host if signed else "")
    with pytest.raises(StorageError, match=r"cannot fetch s3://b/tee\.bw: (refused|self-signed)") as caught:
        fetch(entry, tmp_path / "x", allow_private_hosts=[host])
    assert caught.value.transient is transient
