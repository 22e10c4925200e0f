"""The Hasura test server as a whole: introspection by role, custom names, commands, restarts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from graphql import GraphQLSchema, build_client_schema, get_introspection_query, parse, validate

from tests.hasura.cases import post
from tests.hasura.library import SAMPLE
from tests.hasura.metadata import load_metadata
from tests.hasura.process import HasuraServer, hasura_server

pytest_plugins = ["tests.hasura.fixtures"]


def schema_for(library: HasuraServer, role: str) -> GraphQLSchema:
    answer = library.request(get_introspection_query(), headers={"x-hasura-role": role})
    return build_client_schema(answer["data"])


def fields_of(schema: GraphQLSchema, type_name: str) -> dict[str, str]:
    type_: Any = schema.type_map[type_name]
    return {name: str(field.type) for name, field in type_.fields.items()}


def test_the_schema_has_hasuras_names_and_types(library: HasuraServer) -> None:
    schema = schema_for(library, "admin")
    assert fields_of(schema, "library_book") == {
        "id": "uuid!",
        "position": "bigint!",
        "title": "String!",
        "author_id": "Int!",
        "genre": "library_genre_enum!",
        "pages": "Int",
        "price": "numeric",
        "tags": "[String!]!",
        "details": "jsonb!",
        "published": "Boolean!",
        "added_by": "String",
        "created_at": "timestamptz!",
        "author": "library_author!",
        "author_by_hand": "library_author",
    }
    author = fields_of(schema, "library_author")
    assert (author["bornOn"], author["books"], author["books_aggregate"], author["book_count"]) == (
        "date",
        "[library_book!]!",
        "library_book_aggregate!",
        "bigint",
    )
    queries, mutations = fields_of(schema, "query_root"), fields_of(schema, "mutation_root")
    assert {"authors", "author", "library_author_aggregate", "library_search_books"} <= queries.keys()
    assert "library_author" not in queries
    for name in ("insert_ticket", "update_ticket", "update_ticket_many", "update_ticket_by_pk", "delete_ticket"):
        assert name in mutations
    assert str(schema.type_map["library_genre_enum"].values["NOVEL"].description) == "Long prose"  # type: ignore[attr-defined]
    assert fields_of(schema, "ticket_updates")["where"] == "ticket_bool_exp!"


def test_each_role_has_a_schema_of_its_own(library: HasuraServer) -> None:
    reader = schema_for(library, "reader")
    assert fields_of(reader, "library_author") == {
        "id": "Int!",
        "name": "String!",
        "bornOn": "date",
        "books": "[library_book!]!",
        "books_aggregate": "library_book_aggregate!",
    }
    assert reader.mutation_type is None
    onlooker = schema_for(library, "onlooker")
    assert fields_of(onlooker, "ticket") == {"id": "Int!"}
    assert "library_book" not in onlooker.type_map


def test_documents_can_be_checked_against_the_introspected_schema(library: HasuraServer) -> None:
    schema = schema_for(library, "admin")
    good = parse("query ($w: ticket_bool_exp!) { ticket(where: $w, order_by: [{id: asc}], limit: 3) { id weight } }")
    assert validate(schema, good) == []
    assert validate(schema, parse("query ($w: String) { ticket(where: $w) { id nope } }"))


def test_introspection_mixes_with_data(library: HasuraServer) -> None:
    answer = library.request(
        "query ($name: String!) { __type(name: $name) { name fields { name } } ticket_by_pk(id: 1) { id } }",
        {"name": "library_genre_enum"},
    )
    assert answer["data"] == {"__type": {"name": "library_genre_enum", "fields": None}, "ticket_by_pk": {"id": 1}}


def test_a_list_of_requests_gets_a_list_of_answers(library: HasuraServer) -> None:
    body = [
        {"query": "{ nope }"},
        {"query": "{ ticket_by_pk(id: 1) { id } }"},
        {"query": "mutation { delete_ticket_by_pk(id: 1) { id } }"},
    ]
    status, answers = post(library.endpoint, body, library.admin_headers)
    assert status == 200
    assert [list(answer) for answer in answers] == [["errors"], ["data"], ["data"]]


def test_the_operation_is_chosen_by_name(library: HasuraServer) -> None:
    body = {"query": "query a { __typename } query b { ticket_by_pk(id: 2) { id } }", "operationName": "b"}
    assert post(library.endpoint, body, library.admin_headers) == (200, {"data": {"ticket_by_pk": {"id": 2}}})
    body["operationName"] = "c"
    _, answer = post(library.endpoint, body, library.admin_headers)
    assert answer["errors"][0]["message"] == 'no such operation found in the document: "c"'


def test_commands_change_what_is_tracked(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE pet (id int PRIMARY KEY, name text); INSERT INTO pet VALUES (1, 'Rex')")
    with hasura_server(postgres_url, None) as server:
        assert "errors" in server.request("{ pet { name } }")
        assert server.command({"type": "pg_track_table", "args": {"source": "default", "table": "pet"}}) == {
            "message": "success"
        }
        assert server.request("{ pet { name } }")["data"] == {"pet": [{"name": "Rex"}]}
        again = server.command({"type": "pg_track_table", "args": {"table": "pet"}})
        assert again["code"] == "already-tracked"
        permission = {"columns": ["name"], "filter": {"id": {"_eq": "X-Hasura-Pet"}}}
        server.command(
            {"type": "create_select_permission", "args": {"table": "pet", "role": "vet", "permission": permission}}
        )
        vet = {"x-hasura-role": "vet", "x-hasura-pet": "2"}
        assert server.request("{ pet { name } }", headers=vet)["data"] == {"pet": []}
        failed = server.command({"type": "run_sql", "args": {"sql": "SELECT nope"}})
        assert (failed["code"], failed["error"]) == ("postgres-error", "query execution failed")
        rows = server.command({"type": "run_sql", "args": {"sql": "SELECT id, name, NULL AS x FROM pet"}})
        assert rows == {"result_type": "TuplesOk", "result": [["id", "name", "x"], ["1", "Rex", None]]}
        server.command({"type": "run_sql", "args": {"sql": "DROP TABLE pet"}})
        assert "errors" in server.request("{ pet { name } }")


def test_metadata_that_does_not_fit_the_database_stops_the_start(postgres_url: str) -> None:
    with pytest.raises(RuntimeError, match="did not start"), hasura_server(postgres_url, SAMPLE):
        pass


def test_metadata_is_found_from_the_project_or_its_folder() -> None:
    assert load_metadata(SAMPLE).tables.keys() == load_metadata(SAMPLE / "metadata").tables.keys()


def test_a_project_without_databases_is_refused(tmp_path: Path) -> None:
    (tmp_path / "databases").mkdir()
    (tmp_path / "databases" / "databases.yaml").write_text("[]")
    with pytest.raises(ValueError, match="lists no database"):
        load_metadata(tmp_path)


def test_a_killed_server_starts_again_on_its_port_and_has_lost_no_answered_write(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE pet (id int PRIMARY KEY, name text)")
    with hasura_server(postgres_url, None) as server:
        track = {"type": "track_table", "args": "pet"}
        server.command(track)
        server.request('mutation { insert_pet_one(object: {id: 1, name: "Rex"}) { id } }')
        port = server.port
        server.kill()
        with pytest.raises(OSError, match=r"refused|111|10061"):
            server.request("{ __typename }")
        server.start()
        assert server.port == port
        server.command(track)
        assert server.request("{ pet_by_pk(id: 1) { name } }")["data"] == {"pet_by_pk": {"name": "Rex"}}


def test_a_lost_database_connection_is_told_and_replaced(postgres_url: str) -> None:
    with hasura_server(postgres_url, None) as server, psycopg.connect(postgres_url, autocommit=True) as connection:
        server.command({"type": "run_sql", "args": {"sql": "CREATE TABLE pet (id int PRIMARY KEY)"}})
        server.command({"type": "track_table", "args": "pet"})
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        answers = [server.request("{ pet { id } }") for _ in range(12)]
    assert answers[-1] == {"data": {"pet": []}}
    faults = [answer["errors"][0]["extensions"]["code"] for answer in answers if "errors" in answer]
    assert set(faults) <= {"postgres-error", "unexpected"}


def test_requests_in_parallel_do_not_mix(library: HasuraServer) -> None:
    def ask(identity: int) -> Any:
        return library.request("query ($id: Int!) { ticket_by_pk(id: $id) { id } }", {"id": identity})["data"]

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, [1 + n % 6 for n in range(60)]))
    assert answers == [{"ticket_by_pk": {"id": 1 + n % 6}} for n in range(60)]


def test_wide_numbers_are_strings_where_that_is_asked_for(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE sum (id int PRIMARY KEY, big bigint, exact numeric)")
        connection.execute("INSERT INTO sum VALUES (1, 9007199254740993, 0.1)")
    with hasura_server(postgres_url, None, stringify_numeric_types=True) as server:
        server.command({"type": "track_table", "args": "sum"})
        assert server.request("{ sum { id big exact } }")["data"] == {
            "sum": [{"id": 1, "big": "9007199254740993", "exact": "0.1"}]
        }


def test_a_functions_array_argument_is_postgresqls_literal(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE pet (id int PRIMARY KEY); INSERT INTO pet SELECT generate_series(1, 5)")
        connection.execute(
            "CREATE FUNCTION chosen(ids int[]) RETURNS SETOF pet LANGUAGE sql STABLE AS"
            " 'SELECT * FROM pet WHERE id = ANY (ids) ORDER BY id'"
        )
    with hasura_server(postgres_url, None) as server:
        server.command(
            {
                "type": "bulk",
                "args": [{"type": "track_table", "args": "pet"}, {"type": "track_function", "args": "chosen"}],
            }
        )
        query = "query ($ids: _int4!) { chosen(args: {ids: $ids}) { id } }"
        assert server.request(query, {"ids": "{2,4,9}"})["data"] == {"chosen": [{"id": 2}, {"id": 4}]}
        (error,) = server.request(query, {"ids": [2, 4]})["errors"]
        assert (error["message"], error["extensions"]["code"]) == (
            "A string is expected for type: _int4",
            "parse-failed",
        )


def test_a_functions_names_and_session_argument_come_from_its_configuration(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE pet (id int PRIMARY KEY, name text); INSERT INTO pet VALUES (1, 'Rex')")
        connection.execute(
            "CREATE FUNCTION like_it(it pet, who json) RETURNS SETOF pet LANGUAGE sql STABLE AS"
            " $$ SELECT it.id, who ->> 'x-hasura-role' $$"
        )
    with hasura_server(postgres_url, None) as server:
        server.command({"type": "track_table", "args": "pet"})
        roots = {"function": "alike", "function_aggregate": "number_alike"}
        configuration = {"session_argument": "who", "custom_root_fields": roots}
        track = {"type": "pg_track_function", "args": {"function": "like_it", "configuration": configuration}}
        assert server.command(track) == {"message": "success"}
        query = """query ($it: pet_scalar!) { alike(args: {it: $it}) { id name }
            number_alike(args: {it: "(4,x)"}) { aggregate { count } } }"""
        data = server.request(query, {"it": "(7,Tom)"})["data"]
        assert data == {"alike": [{"id": 7, "name": "admin"}], "number_alike": {"aggregate": {"count": 1}}}
        change = {"function": "like_it", "configuration": {"session_argument": "it"}}
        wrong = server.command({"type": "pg_set_function_customization", "args": change})
        assert wrong["error"].endswith('given session argument "it" is not of type json')
        assert "data" in server.request(query, {"it": "(7,Tom)"})


def test_arguments_of_a_function_that_have_no_name_are_numbered(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE pet (id int PRIMARY KEY); INSERT INTO pet SELECT generate_series(1, 9)")
        connection.execute(
            "CREATE FUNCTION inside(int, high int, int DEFAULT 1) RETURNS SETOF pet LANGUAGE sql STABLE AS"
            " 'SELECT * FROM pet WHERE id BETWEEN $1 AND high AND id % $3 = 0 ORDER BY id'"
        )
    with hasura_server(postgres_url, None) as server:
        server.command({"type": "track_table", "args": "pet"})
        assert server.command({"type": "track_function", "args": "inside"}) == {"message": "success"}
        assert server.request("{ pet(limit: 1) { id } }")["data"] == {"pet": [{"id": 1}]}
        answer = server.request("{ inside(args: {arg_1: 4, high: 7, arg_2: 2}) { id } }")
        assert answer["data"] == {"inside": [{"id": 4}, {"id": 6}]}
        assert len(server.request("{ inside(args: {arg_1: 4, high: 7}) { id } }")["data"]["inside"]) == 4
