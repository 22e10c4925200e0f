"""Subscriptions of the Hasura test server: live queries, streams, and the two websocket protocols."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.hasura.library import ADMIN_SECRET, JWT_KEY
from tests.hasura.process import HasuraServer

pytest_plugins = ["tests.hasura.fixtures"]

DEADLINE_S = 10.0
QUIET_S = 0.4
OPEN_TICKETS = 'subscription { ticket(where: {state: {_eq: "OPEN"}}, order_by: {id: asc}) { id } }'


class Socket:
    """A websocket client that says what it sends and gives what it gets, as JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, kind: str, identity: str | None = None, payload: Any = None) -> None:
        message = {"type": kind, "id": identity, "payload": payload}
        self.connection.send(json.dumps({key: value for key, value in message.items() if value is not None}))

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.connection.recv(timeout=DEADLINE_S))
        return message

    def data(self, identity: str = "1") -> Any:
        message = self.receive()
        assert (message["type"], message["id"]) == ("next", identity), message
        return message["payload"]["data"]

    def is_quiet(self) -> bool:
        try:
            self.connection.recv(timeout=QUIET_S)
        except TimeoutError:
            return True
        return False

    def close_code(self) -> int | None:
        with pytest.raises(ConnectionClosed):  # noqa: PT012  # answers under way may come before it
            while True:
                self.connection.recv(timeout=DEADLINE_S)
        return self.connection.close_code


@contextmanager
def websocket(library: HasuraServer, protocol: str = "graphql-transport-ws") -> Iterator[Socket]:
    with connect(library.websocket, subprotocols=[protocol], proxy=None) as connection:  # type: ignore[list-item]
        yield Socket(connection)


@contextmanager
def subscriber(library: HasuraServer, role: str = "admin", **variables: str) -> Iterator[Socket]:
    with websocket(library) as socket:
        headers = {"x-hasura-admin-secret": ADMIN_SECRET, "x-hasura-role": role, **variables}
        socket.send("connection_init", payload={"headers": headers})
        assert socket.receive() == {"type": "connection_ack"}
        yield socket


def take(library: HasuraServer, identity: int) -> None:
    mutation = 'mutation ($id: Int!) { update_ticket_by_pk(pk_columns: {id: $id}, _set: {state: "TAKEN"}) { id } }'
    assert library.request(mutation, {"id": identity})["data"]["update_ticket_by_pk"] == {"id": identity}


def test_a_live_query_is_pushed_at_first_and_on_change_only(library: HasuraServer) -> None:
    with subscriber(library) as socket:
        socket.send("subscribe", "1", {"query": OPEN_TICKETS})
        assert [row["id"] for row in socket.data()["ticket"]] == [1, 2, 3, 4, 5, 6]
        assert socket.is_quiet()
        take(library, 2)
        assert [row["id"] for row in socket.data()["ticket"]] == [1, 3, 4, 5, 6]
        socket.send("complete", "1")
        take(library, 1)
        assert socket.is_quiet()


def test_several_subscriptions_share_a_connection(library: HasuraServer) -> None:
    one = "subscription ($id: Int!) { ticket_by_pk(id: $id) { state } }"
    with subscriber(library) as socket:
        for identity in ("1", "2"):
            socket.send("subscribe", identity, {"query": one, "variables": {"id": int(identity)}})
        seen = {message["id"]: message["payload"]["data"] for message in (socket.receive(), socket.receive())}
        assert seen == {"1": {"ticket_by_pk": {"state": "OPEN"}}, "2": {"ticket_by_pk": {"state": "OPEN"}}}
        take(library, 2)
        assert socket.data("2") == {"ticket_by_pk": {"state": "TAKEN"}}


def test_a_live_query_obeys_the_role(library: HasuraServer) -> None:
    with subscriber(library, "worker", **{"x-hasura-worker-id": "w1"}) as socket:
        socket.send("subscribe", "1", {"query": "subscription { ticket { id } }"})
        assert socket.data() == {"ticket": []}
        headers = {"x-hasura-role": "worker", "x-hasura-worker-id": "w1"}
        library.request("mutation { claim_tickets { id } }", headers=headers)
        assert socket.data() == {"ticket": [{"id": 1}]}


def test_a_stream_gives_each_row_once_in_batches(library: HasuraServer) -> None:
    query = """subscription ($from: Int!) {
        ticket_stream(batch_size: 2, cursor: {initial_value: {id: $from}, ordering: ASC}, where: {weight: {_gt: 0}})
          { id weight } }"""
    with subscriber(library) as socket:
        socket.send("subscribe", "1", {"query": query, "variables": {"from": 3}})
        assert socket.data() == {"ticket_stream": [{"id": 4, "weight": 2}, {"id": 5, "weight": 2.5}]}
        assert socket.data() == {"ticket_stream": [{"id": 6, "weight": 3}]}
        assert socket.is_quiet()
        library.request("mutation { insert_ticket(objects: [{id: 8, weight: 1}, {id: 7}]) { affected_rows } }")
        assert socket.data() == {"ticket_stream": [{"id": 8, "weight": 1}]}
        take(library, 4)
        assert socket.is_quiet()


def test_a_stream_may_run_downwards_and_on_timestamps(library: HasuraServer) -> None:
    down = "subscription { ticket_stream(batch_size: 9, cursor: {initial_value: {id: 3}, ordering: DESC}) { id } }"
    books = """subscription { library_book_stream(
        batch_size: 9, cursor: {initial_value: {created_at: "2001-01-01T00:00:00Z"}}) { title } }"""
    with subscriber(library) as socket:
        socket.send("subscribe", "1", {"query": down})
        assert socket.data() == {"ticket_stream": [{"id": 2}, {"id": 1}]}
        socket.send("subscribe", "2", {"query": books})
        assert len(socket.data("2")["library_book_stream"]) == 4
        assert socket.is_quiet()


def test_queries_and_mutations_run_over_the_socket_too(library: HasuraServer) -> None:
    with subscriber(library) as socket:
        socket.send("subscribe", "1", {"query": "mutation { delete_ticket_by_pk(id: 1) { id } }"})
        assert socket.data() == {"delete_ticket_by_pk": {"id": 1}}
        assert socket.receive() == {"id": "1", "type": "complete"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("subscription { nope { id } }", "field 'nope' not found in type: 'subscription_root'"),
        ("subscription { ticket { id } ticket_by_pk(id: 1) { id } }", "subscriptions must select one top level field"),
        (
            "subscription { ticket_stream(batch_size: 1, cursor: {initial_value: {}}) { id } }",
            "one streaming column field is expected",
        ),
    ],
)
def test_a_wrong_subscription_ends_with_an_error(library: HasuraServer, query: str, message: str) -> None:
    with subscriber(library) as socket:
        socket.send("subscribe", "1", {"query": query})
        answer = socket.receive()
        assert (answer["type"], answer["id"], answer["payload"][0]["message"]) == ("error", "1", message)
        socket.send("ping")
        assert socket.receive() == {"type": "pong"}


def test_the_protocol_is_kept(library: HasuraServer) -> None:
    with websocket(library) as socket:
        socket.send("subscribe", "1", {"query": OPEN_TICKETS})
        assert socket.close_code() == 4401
    with websocket(library) as socket:
        socket.send("connection_init", payload={"headers": {"x-hasura-admin-secret": "guess"}})
        assert socket.close_code() == 4403
        assert socket.connection.close_reason == '{"server_error_msg": "4403: Forbidden"}'
    with subscriber(library) as socket:
        socket.send("connection_init")
        assert socket.close_code() == 4429
    with subscriber(library) as socket:
        for _ in range(2):
            socket.send("subscribe", "1", {"query": OPEN_TICKETS})
        assert socket.close_code() == 4409
    with subscriber(library) as socket:
        socket.connection.send("nonsense")
        assert socket.close_code() == 4400


def test_the_socket_is_closed_when_its_token_expires(library: HasuraServer) -> None:
    claims = {"x-hasura-allowed-roles": ["onlooker"], "x-hasura-default-role": "onlooker"}
    payload = {"exp": time.time() + 1.5, "https://hasura.io/jwt/claims": claims}
    with websocket(library) as socket:
        headers = {"authorization": f"Bearer {jwt.encode(payload, JWT_KEY, algorithm='HS256')}"}
        socket.send("connection_init", payload={"headers": headers})
        assert socket.receive() == {"type": "connection_ack"}
        socket.send("subscribe", "1", {"query": "subscription { ticket(limit: 1) { id } }"})
        assert socket.data() == {"ticket": [{"id": 1}]}
        with pytest.raises(ConnectionClosed):
            socket.receive()
        assert (socket.connection.close_code, socket.connection.close_reason) == (1000, "")


def test_the_older_protocol_works_the_same(library: HasuraServer) -> None:
    with websocket(library, "graphql-ws") as socket:
        socket.send("connection_init", payload={"headers": {"x-hasura-admin-secret": ADMIN_SECRET}})
        assert [socket.receive()["type"] for _ in range(2)] == ["connection_ack", "ka"]
        socket.send("start", "1", {"query": OPEN_TICKETS})
        answer = socket.receive()
        assert (answer["type"], len(answer["payload"]["data"]["ticket"])) == ("data", 6)
        socket.send("stop", "1")
        assert socket.receive() == {"id": "1", "type": "complete"}
        socket.send("start", "2", {"query": "subscription { nope }"})
        wrong = socket.receive()
        assert (wrong["type"], wrong["payload"]["errors"][0]["extensions"]["code"]) == ("error", "validation-failed")
