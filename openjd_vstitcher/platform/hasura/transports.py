"""HTTP and websocket transports that follow no redirect: the credential goes to the configured address only."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.common.adapters.websockets import WebSocketsAdapter
from gql.transport.exceptions import TransportConnectionFailed, TransportServerError
from gql.transport.websockets_protocol import WebsocketsProtocolTransportBase
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

_VERSION_LIMIT_S = 5
_CREDENTIAL_CODES = (4400, 4401, 4403)
"""Of Hasura's `ServerErrorCode`: a generic error, unauthorized, forbidden."""


def http_transport(endpoint: str, *, limit_s: int) -> AIOHTTPTransport:
    """A transport whose requests raise `TransportServerError` for a redirect.

    aiohttp drops `Authorization` when it follows a redirect to another host, but not `X-Hasura-Admin-Secret`. The
    caller must pass `NO_REDIRECTS` with each request.
    """
    return AIOHTTPTransport(
        endpoint,
        timeout=limit_s,
        client_session_args={"trust_env": True, "raise_for_status": _refuse_redirect},
        ssl_close_timeout=0,
    )


NO_REDIRECTS = {"allow_redirects": False}
"""The arguments of each request over `http_transport`."""


async def version_at(address: str) -> str:
    """The version that a server says it has at `/v1/version`, asked without a credential; "" if it does not say."""
    timeout = ClientTimeout(total=_VERSION_LIMIT_S)
    try:
        async with (
            ClientSession(trust_env=True, timeout=timeout) as session,
            session.get(address, allow_redirects=False) as response,
        ):
            return str((await response.json(content_type=None))["version"])
    except (ClientError, TimeoutError, ValueError, TypeError, KeyError):
        return ""


class WebsocketTransport(WebsocketsProtocolTransportBase):
    """A websocket that is not opened at another address than its own.

    Parameters
    ----------
    options: those of `gql`'s `WebsocketsTransport`.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self.adapter = _Adapter(url)
        super().__init__(adapter=self.adapter, subprotocols=[self.GRAPHQLWS_SUBPROTOCOL], **options)


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _Adapter(WebSocketsAdapter):
    async def connect(self) -> None:
        try:
            self.websocket = await _Connect(
                self.url, subprotocols=[Subprotocol(name) for name in self.subprotocols or ()]
            )
        except Exception as error:
            raise TransportConnectionFailed("Connect failed") from error
        assert self.websocket.response is not None
        self._response_headers = self.websocket.response.headers


def refuses_credential(error: BaseException | None) -> bool:
    """Whether a websocket was closed because of its credential: the code says so, Hasura gives no reason."""
    while error is not None:
        if isinstance(error, ConnectionClosed):
            return error.rcvd is not None and error.rcvd.code in _CREDENTIAL_CODES
        error = error.__cause__ or error.__context__
    return False


async def _refuse_redirect(response: ClientResponse) -> None:
    if 300 <= response.status < 400:
        target = urlsplit(response.headers.get("Location", ""))
        host = f" to {target.netloc.rpartition('@')[2]}" if target.netloc else ""
        raise TransportServerError(f"a redirect{host}, which is not followed: name the address itself", response.status)
