"""Which https addresses may be read: their form, and whether they lead to a public host. Uses no network."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

_PORTS = {"https": 443, "http": 80}
_STEPS_OUT = re.compile(r"(^|[/\\])\.\.?([/\\]|$)|\\")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    )
]
"""Beyond what `ipaddress` knows: protocol assignments, tunnels that end at any IPv4 host (Teredo, 6to4), documentation.

https://www.iana.org/assignments/iana-ipv6-special-registry
"""


@dataclass(frozen=True)
class HttpAddress:
    """A URL in its parts.

    Parameters
    ----------
    host: in lower case and ASCII, without the brackets of IPv6.
    target: path and query, as a request has them.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def netloc(self) -> str:
        """`host:port`, with the port even where it is the scheme's own."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def place(self) -> str:
        """The URL in one form for all spellings, without its query, to compare with others."""
        return f"{self.scheme}://{self.netloc}{self.target.partition('?')[0]}"

    def is_among(self, hosts: Collection[str]) -> bool:
        """Whether the configuration names this host, as `host` or `host:port`."""
        return self.host in hosts or f"{self.host}:{self.port}" in hosts

    def is_under(self, prefixes: Collection[str]) -> bool:
        """Whether it lies under one of the https prefixes; a prefix ends at a `/`.

        A path with `..` or a backslash, encoded or not, lies under none: it could mean another one to the server.
        """
        if _STEPS_OUT.search(unquote(unquote(self.target.partition("?")[0]))):
            return False
        return any(self._is_under(prefix) for prefix in prefixes if prefix.startswith("https://"))

    def _is_under(self, prefix: str) -> bool:
        try:
            place = parse_url(prefix).place.rstrip("/")
        except ValueError:
            return False
        return self.place == place or self.place.startswith(place + "/")


def parse_url(url: str) -> HttpAddress:
    """The parts of an https or http URL.

    Raises
    ------
    ValueError: it cannot be requested; with a predicate that does not repeat the URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError("is not a valid URL: expected https://host/path with a port from 1 to 65535") from error
    if parts.scheme not in _PORTS or port == 0:
        raise ValueError("is not a valid URL: expected https://host/path with a port from 1 to 65535")
    if "@" in parts.netloc:
        raise ValueError("has a user or password; expected https://host/path")
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (f"?{_plain(parts.query)}" if parts.query else "")
    return HttpAddress(parts.scheme, _host(host, literal="[" in parts.netloc), port or _PORTS[parts.scheme], target)


def refusal(address: HttpAddress, allowed_private: Collection[str]) -> str | None:
    """Why a host may not be read, as a predicate, as far as its name tells; None if it may.

    Parameters
    ----------
    allowed_private: hosts (`host` or `host:port`) that may be private or speak plain http.
    """
    if address.is_among(allowed_private):
        return None
    if address.scheme != "https":
        return "is not https"
    name = address.host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost") or _literal_is_private(name):
        return PRIVATE
    return None


PRIVATE = "leads to a private address; inputs.allow_private_hosts can allow it"


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet.

    Addresses that carry an IPv4 address through a tunnel or a translation do not, wherever they lead.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if not ip.is_global or ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        return False
    if ip.version == 6 and ip not in _GLOBAL_UNICAST:
        return False
    return not any(ip in network for network in _NOT_PUBLIC if network.version == ip.version)


def _host(host: str, *, literal: bool) -> str:
    if literal:
        try:
            return str(ipaddress.IPv6Address(host.replace("%", " ")))
        except ValueError as error:
            raise ValueError("has an invalid host name") from error
    try:
        plain = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        plain = ""
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?", plain) or ".." in plain:
        raise ValueError("has an invalid host name")
    return plain


def _literal_is_private(host: str) -> bool:
    """Whether it is an IP address in any form that systems accept (127.1, 0x7f000001), and a private one."""
    try:
        address = host if ":" in host else socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return False
    return not is_public(address)


def _plain(query: str) -> str:
    return quote(query, safe="/%:@!$&'()*+,;=~?")
