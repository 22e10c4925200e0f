"""Permissions and authentication of the Hasura test server: rows, columns, presets, secrets, tokens."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from tests.hasura.cases import post
from tests.hasura.library import ADMIN_SECRET, JWT_KEY
from tests.hasura.process import HasuraServer, hasura_server

pytest_plugins = ["tests.hasura.fixtures"]

READER = {"x-hasura-role": "reader"}
WRITER = {"x-hasura-role": "writer", "x-hasura-author-id": "1"}
NAMESPACE = "https://hasura.io/jwt/claims"


def message_of(answer: dict[str, Any]) -> str:
    assert "data" not in answer
    return str(answer["errors"][0]["message"])


def code_of(answer: dict[str, Any]) -> str:
    assert "data" not in answer
    return str(answer["errors"][0]["extensions"]["code"])


def test_a_role_sees_the_rows_of_its_filter_up_to_its_limit(library: HasuraServer) -> None:
    query = """{ library_book(order_by: {position: asc}) { title }
                 library_book_aggregate { aggregate { count } nodes { title } } }"""
    data = library.request(query, headers=READER)["data"]
    assert [book["title"] for book in data["library_book"]] == ["Engines", "Boats"]
    assert data["library_book_aggregate"]["aggregate"]["count"] == 3
    assert len(data["library_book_aggregate"]["nodes"]) == 2


def test_a_filter_may_go_through_a_relationship(library: HasuraServer) -> None:
    data = library.request("{ authors(order_by: {id: asc}) { name books { title } } }", headers=READER)["data"]
    assert data["authors"] == [
        {"name": "Ada", "books": [{"title": "Engines"}]},
        {"name": "Bo", "books": [{"title": "Boats"}, {"title": "Storms"}]},
    ]


def test_a_request_cannot_probe_hidden_related_rows(library: HasuraServer) -> None:
    query = '{ authors(where: {books: {title: {_eq: "Flying"}}}) { name } }'
    assert library.request(query)["data"]["authors"] == [{"name": "Ada"}]
    assert library.request(query, headers=READER)["data"]["authors"] == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ authors { email } }", "field 'email' not found in type: 'library_author'"),
        (
            '{ authors(where: {email: {_like: "%"}}) { id } }',
            "field 'email' not found in type: 'library_author_bool_exp'",
        ),
        ("{ authors(order_by: {email: asc}) { id } }", "field 'email' not found in type: 'library_author_order_by'"),
        (
            "{ library_author_aggregate { aggregate { count } } }",
            "field 'library_author_aggregate' not found in type: 'query_root'",
        ),
        ("{ ticket { id } }", "field 'ticket' not found in type: 'query_root'"),
        ("mutation { delete_library_book(where: {}) { affected_rows } }", "no mutations exist"),
    ],
)
def test_what_a_role_may_not_see_is_not_in_its_schema(library: HasuraServer, query: str, message: str) -> None:
    assert message_of(library.request(query, headers=READER)) == message


def test_an_unknown_role_sees_nothing(library: HasuraServer) -> None:
    headers = {"x-hasura-role": "stranger"}
    assert library.request("{ no_queries_available }", headers=headers)["data"] == {
        "no_queries_available": "There are no queries available to the current role."
    }


def test_session_variables_fill_filters_and_array_variables_lists(library: HasuraServer) -> None:
    query = "{ library_book(order_by: {title: asc}) { title } }"
    headers = {"x-hasura-role": "collector", "x-hasura-genres": "{POETRY,ESSAY}"}
    assert library.request(query, headers=headers)["data"]["library_book"] == [{"title": "Boats"}, {"title": "Engines"}]
    missing = library.request(query, headers={"x-hasura-role": "collector"})
    assert (code_of(missing), message_of(missing)) == ("not-found", 'missing session variable: "x-hasura-genres"')


def test_an_insert_must_satisfy_its_check_and_gets_its_presets(library: HasuraServer) -> None:
    mutation = """mutation ($author: Int!) {
        insert_library_book_one(object: {title: "New", author_id: $author}) { title added_by } }"""
    own = library.request(mutation, {"author": 1}, headers=WRITER)
    assert own["data"]["insert_library_book_one"] == {"title": "New", "added_by": "1"}
    foreign = library.request(mutation, {"author": 2}, headers=WRITER)
    assert (code_of(foreign), message_of(foreign)) == (
        "permission-error",
        "check constraint of an insert/update permission has failed",
    )
    count = library.request('{ library_book_aggregate(where: {title: {_eq: "New"}}) { aggregate { count } } }')
    assert count["data"]["library_book_aggregate"]["aggregate"]["count"] == 1


def test_a_preset_column_and_a_column_of_no_permission_cannot_be_written(library: HasuraServer) -> None:
    for column in ('added_by: "me"', "price: 1"):
        answer = library.request(
            f'mutation {{ insert_library_book_one(object: {{title: "x", author_id: 1, {column}}}) {{ title }} }}',
            headers=WRITER,
        )
        assert "not found in type: 'library_book_insert_input'" in message_of(answer)
    answer = library.request(
        "mutation { update_library_book(where: {}, _set: {author_id: 2}) { affected_rows } }", headers=WRITER
    )
    assert message_of(answer) == "field 'author_id' not found in type: 'library_book_set_input'"


def test_an_update_reaches_only_rows_of_its_filter_and_checks_the_result(library: HasuraServer) -> None:
    mutation = """mutation ($pages: Int) {
        update_library_book(where: {}, _set: {pages: $pages}) { affected_rows returning { title added_by } } }"""
    response = library.request(mutation, {"pages": 9}, headers=WRITER)["data"]["update_library_book"]
    assert response["affected_rows"] == 2
    assert sorted(row["title"] for row in response["returning"]) == ["Engines", "Flying"]
    assert {row["added_by"] for row in response["returning"]} == {"edited"}
    refused = library.request(mutation, {"pages": 1000}, headers=WRITER)
    assert (code_of(refused), refused["errors"][0]["extensions"]["path"]) == ("permission-error", "$")
    pages = library.request("{ library_book(where: {author_id: {_eq: 1}}) { pages } }")["data"]["library_book"]
    assert pages == [{"pages": 9}, {"pages": 9}]


def test_a_conflicting_insert_updates_only_what_the_update_permission_allows(library: HasuraServer) -> None:
    mutation = """mutation ($id: uuid!, $pages: Int!) { insert_library_book(
        objects: {id: $id, title: "Mine", author_id: 1, pages: $pages}
        on_conflict: {constraint: book_pkey, update_columns: [pages]}) { affected_rows } }"""
    identity = "00000000-0000-0000-0000-00000000000"
    own = library.request(mutation, {"id": f"{identity}1", "pages": 5}, headers=WRITER)
    assert own["data"]["insert_library_book"]["affected_rows"] == 1
    foreign = library.request(mutation, {"id": f"{identity}3", "pages": 5}, headers=WRITER)
    assert foreign["data"]["insert_library_book"]["affected_rows"] == 0
    unchecked = library.request(mutation, {"id": f"{identity}1", "pages": 5000}, headers=WRITER)
    assert code_of(unchecked) == "permission-error"


def test_a_delete_reaches_only_rows_of_its_filter(library: HasuraServer) -> None:
    answer = library.request("mutation { delete_library_book(where: {}) { returning { title } } }", headers=WRITER)
    assert answer["data"]["delete_library_book"]["returning"] == [{"title": "Flying"}]


def test_a_backend_only_mutation_needs_the_secret_and_the_header(library: HasuraServer) -> None:
    mutation = 'mutation { insert_library_author(objects: {id: 9, name: "Zed"}) { affected_rows } }'
    assert (
        message_of(library.request(mutation, headers=WRITER))
        == "field 'insert_library_author' not found in type: 'mutation_root'"
    )
    backend = {**WRITER, "x-hasura-use-backend-only-permissions": "true"}
    assert library.request(mutation, headers=backend)["data"]["insert_library_author"]["affected_rows"] == 1


def test_a_function_returns_only_rows_that_the_role_may_see(library: HasuraServer) -> None:
    books = library.request(
        '{ library_search_books(args: {term: "s"}) { title } }', headers={**WRITER, "x-hasura-author-id": "3"}
    )
    assert [book["title"] for book in books["data"]["library_search_books"]] == ["Engines", "Boats", "Storms"]
    hidden = library.request('{ library_search_books(args: {term: "l"}) { title } }', headers=READER)
    assert hidden["data"]["library_search_books"] == []


def test_a_function_as_mutation_needs_a_permission_of_its_own(library: HasuraServer) -> None:
    answer = library.request("mutation { claim_tickets { id } }", headers={"x-hasura-role": "onlooker"})
    assert message_of(answer) == "no mutations exist"


def token(claims: dict[str, Any] | None = None, key: str = JWT_KEY, **payload: Any) -> str:
    hasura = {
        "x-hasura-allowed-roles": ["reader", "writer"],
        "x-hasura-default-role": "reader",
        "X-Hasura-Author-Id": "2",
    }
    whole = {"sub": "someone", "exp": time.time() + 60, NAMESPACE: hasura if claims is None else claims, **payload}
    return jwt.encode(whole, key, algorithm="HS256")


def ask(library: HasuraServer, bearer: str, role: str | None = None) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {bearer}"} | ({"x-hasura-role": role} if role else {})
    body = {"query": "{ library_book(order_by: {position: asc}) { title } }"}
    status, answer = post(library.endpoint, body, headers)
    assert status == 200
    assert isinstance(answer, dict)
    return answer


def test_a_token_gives_its_default_role_and_its_variables(library: HasuraServer) -> None:
    assert len(ask(library, token())["data"]["library_book"]) == 2
    as_writer = ask(library, token(), "writer")
    assert [book["title"] for book in as_writer["data"]["library_book"]] == ["Engines", "Boats", "Storms"]


@pytest.mark.parametrize(
    ("bearer", "role", "code", "message"),
    [
        (lambda: token(exp=time.time() - 1), None, "invalid-jwt", "Could not verify JWT: JWTExpired"),
        (
            lambda: token(key="another key of at least thirty-two bytes"),
            None,
            "invalid-jwt",
            "Could not verify JWT: JWSError JWSInvalidSignature",
        ),
        (lambda: "nonsense", None, "invalid-jwt", None),
        (token, "admin", "access-denied", "Your requested role is not in allowed roles"),
        (lambda: token({}), None, "jwt-missing-role-claims", "JWT claim does not contain x-hasura-allowed-roles"),
        (lambda: token(**{NAMESPACE: None}), None, "jwt-invalid-claims", f"claims key: '{NAMESPACE}' not found"),
    ],
)
def test_a_wrong_token_is_refused(
    library: HasuraServer, bearer: Any, role: str | None, code: str, message: str | None
) -> None:
    answer = ask(library, bearer(), role)
    assert code_of(answer) == code
    assert message is None or message_of(answer) == message


def test_a_wrong_secret_is_refused(library: HasuraServer) -> None:
    answer = library.request("{ __typename }", headers={"x-hasura-admin-secret": "guess"})
    assert (code_of(answer), message_of(answer)) == (
        "access-denied",
        "invalid x-hasura-admin-secret/x-hasura-access-key",
    )


def test_without_a_secret_everyone_is_admin_and_may_take_a_role(postgres_url: str) -> None:
    with hasura_server(postgres_url, None) as server:
        assert server.request("{ __typename }")["data"] == {"__typename": "query_root"}


def test_without_credentials_a_server_with_a_secret_refuses(postgres_url: str) -> None:
    with hasura_server(postgres_url, None, admin_secret=ADMIN_SECRET) as server:
        answer = server.request("{ __typename }", headers={"x": "y"})
        assert message_of(answer) == "x-hasura-admin-secret/x-hasura-access-key required, but not found"


def test_only_an_admin_may_command(library: HasuraServer) -> None:
    body = {"type": "run_sql", "args": {"sql": "SELECT 1"}}
    headers = {**library.admin_headers, "x-hasura-role": "reader"}
    assert post(f"{library.url}/v2/query", body, headers) == (
        400,
        {"path": "$", "error": "restricted access : admin only", "code": "access-denied"},
    )
