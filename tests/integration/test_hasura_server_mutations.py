"""Mutations of the Hasura test server: inserts, conflicts, updates, deletes, functions, and their one transaction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.hasura.process import HasuraServer

pytest_plugins = ["tests.hasura.fixtures"]

ENGINES = "00000000-0000-0000-0000-000000000001"
FLYING = "00000000-0000-0000-0000-000000000002"


def data_of(answer: dict[str, Any]) -> Any:
    assert "errors" not in answer, answer
    return answer["data"]


def error_of(answer: dict[str, Any]) -> tuple[str, str, str]:
    assert "data" not in answer
    (error,) = answer["errors"]
    return error["extensions"]["code"], error["extensions"]["path"], error["message"]


def details_of(library: HasuraServer, identity: str) -> Any:
    return data_of(library.request(f'{{ library_book_by_pk(id: "{identity}") {{ details }} }}'))["library_book_by_pk"][
        "details"
    ]


def test_inserted_rows_come_back_with_defaults_and_related_rows(library: HasuraServer) -> None:
    answer = library.request(
        """mutation ($books: [library_book_insert_input!]!) {
             insert_library_book(objects: $books) {
               affected_rows returning { title genre tags details author { name books { title } } } } }""",
        {
            "books": [
                {"title": "Lamps", "author_id": 3, "genre": "ESSAY", "tags": ["oil"], "details": {"a": [1, None, "x"]}},
                {"title": "Wicks", "author_id": 3},
            ]
        },
    )
    response = data_of(answer)["insert_library_book"]
    assert response["affected_rows"] == 2
    lamps, wicks = response["returning"]
    assert lamps["author"] == {"name": "Cy", "books": [{"title": "Lamps"}, {"title": "Wicks"}]}
    assert (lamps["genre"], lamps["tags"], lamps["details"]) == ("ESSAY", ["oil"], {"a": [1, None, "x"]})
    assert (wicks["genre"], wicks["tags"], wicks["details"]) == ("NOVEL", [], {})


def test_an_array_is_given_as_a_list_or_as_postgresqls_literal(library: HasuraServer) -> None:
    mutation = f"""mutation ($list: [String!]!) {{
        a: update_library_book_by_pk(pk_columns: {{id: "{ENGINES}"}}, _set: {{tags: $list}}) {{ tags }}
        b: update_library_book_by_pk(pk_columns: {{id: "{FLYING}"}}, _set: {{tags: "{{x,y z}}"}}) {{ tags }} }}"""
    data = data_of(library.request(mutation, {"list": ["a,b", "{c}"]}))
    assert data == {"a": {"tags": ["a,b", "{c}"]}, "b": {"tags": ["x", "y z"]}}


def test_insert_one_gives_the_row(library: HasuraServer) -> None:
    answer = library.request(
        'mutation { insert_library_author_one(object: {name: "Di", details: "text"}) { id details __typename } }'
    )
    assert data_of(answer)["insert_library_author_one"] == {"id": 4, "details": "text", "__typename": "library_author"}


@pytest.mark.parametrize(
    ("conflict", "affected", "pages"),
    [
        ("{constraint: book_author_title_key, update_columns: [pages]}", 1, 7),
        ("{constraint: book_author_title_key, update_columns: []}", 0, 120),
        ("{constraint: book_author_title_key}", 0, 120),
        ("{constraint: book_author_title_key, update_columns: [pages], where: {pages: {_lt: 7}}}", 0, 120),
        ("{constraint: book_author_title_key, update_columns: [pages], where: {pages: {_gt: 7}}}", 1, 7),
    ],
)
def test_a_conflict_updates_the_named_columns_or_nothing(
    library: HasuraServer, conflict: str, affected: int, pages: int
) -> None:
    answer = library.request(
        f"""mutation {{ insert_library_book(objects: {{title: "Engines", author_id: 1, pages: 7, genre: NOVEL}},
              on_conflict: {conflict})
            {{ affected_rows }} }}"""
    )
    assert data_of(answer)["insert_library_book"] == {"affected_rows": affected}
    row = data_of(library.request(f'{{ library_book_by_pk(id: "{ENGINES}") {{ pages genre }} }}'))["library_book_by_pk"]
    assert row == {"pages": pages, "genre": "ESSAY"}


def test_insert_one_on_conflict_without_an_update_gives_null(library: HasuraServer) -> None:
    answer = library.request(
        """mutation { insert_library_author_one(object: {name: "Ada"}, on_conflict: {constraint: author_name_key})
             { id } }"""
    )
    assert data_of(answer) == {"insert_library_author_one": None}


def test_related_rows_are_inserted_together(library: HasuraServer) -> None:
    answer = library.request(
        """mutation {
             insert_library_author(objects: [{name: "Ed", books: {data: [
                 {title: "One"}, {title: "Two", genre: POETRY}]}}]) {
               affected_rows returning { name books(order_by: {title: asc}) { title genre } } }
             insert_library_book_one(object: {title: "Three", author: {
               data: {name: "Ada"}, on_conflict: {constraint: author_name_key, update_columns: [name]}}}) {
               author { id name } } }"""
    )
    assert data_of(answer) == {
        "insert_library_author": {
            "affected_rows": 3,
            "returning": [
                {"name": "Ed", "books": [{"title": "One", "genre": "NOVEL"}, {"title": "Two", "genre": "POETRY"}]}
            ],
        },
        "insert_library_book_one": {"author": {"id": 1, "name": "Ada"}},
    }


def test_a_nested_insert_does_not_take_a_column_that_its_parent_determines(library: HasuraServer) -> None:
    down = library.request(
        """mutation { insert_library_author(objects: {name: "Ed", books: {data: [{title: "One", author_id: 1}]}})
             { affected_rows } }"""
    )
    assert error_of(down) == (
        "validation-failed",
        "$.selectionSet.insert_library_author.args.objects[0].books.data[0]",
        "cannot insert 'author_id' columns as their values are already being determined by parent insert",
    )
    up = library.request(
        """mutation { insert_library_book(objects: {title: "One", author_id: 1, author: {data: {name: "Ed"}}})
             { affected_rows } }"""
    )
    assert error_of(up)[:2] == ("validation-failed", "$.selectionSet.insert_library_book.args.objects[0].author")


def test_operators_change_columns_in_their_own_way(library: HasuraServer) -> None:
    answer = library.request(
        f"""mutation {{ update_library_book(where: {{id: {{_eq: "{ENGINES}"}}}},
              _set: {{title: "Motors", genre: POETRY}}, _inc: {{pages: -20}})
            {{ affected_rows returning {{ title genre pages }} }} }}"""
    )
    assert data_of(answer)["update_library_book"] == {
        "affected_rows": 1,
        "returning": [{"title": "Motors", "genre": "POETRY", "pages": 100}],
    }


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ('_append: {details: {size: 1, new: {a: "}}"}}}', {"size": 1, "langs": ["en"], "new": {"a": "}}"}}),
        ('_delete_key: {details: "size"}', {"langs": ["en"]}),
        ('_delete_at_path: {details: ["size", "w"]}', {"size": {"h": 20}, "langs": ["en"]}),
        ("_set: {details: [1, 2]}", [1, 2]),
    ],
)
def test_json_objects_are_changed_in_place(library: HasuraServer, operator: str, expected: Any) -> None:
    data_of(
        library.request(
            f'mutation {{ update_library_book(where: {{id: {{_eq: "{ENGINES}"}}}}, {operator}) {{ affected_rows }} }}'
        )
    )
    assert details_of(library, ENGINES) == expected


def test_json_arrays_are_changed_in_place(library: HasuraServer) -> None:
    steps = [
        "_set: {details: [1, 2]}",
        "_append: {details: [3]}",
        "_prepend: {details: [0]}",
        "_delete_elem: {details: 1}",
    ]
    fields = " ".join(
        f'a{i}: update_library_book(where: {{id: {{_eq: "{ENGINES}"}}}}, {step}) {{ affected_rows }}'
        for i, step in enumerate(steps)
    )
    data_of(library.request(f"mutation {{ {fields} }}"))
    assert details_of(library, ENGINES) == [0, 2, 3]


def test_update_by_pk_and_many_and_delete(library: HasuraServer) -> None:
    answer = library.request(
        f"""mutation {{
            update_library_book_by_pk(pk_columns: {{id: "{FLYING}"}}, _set: {{pages: 1}}) {{ title pages }}
            none: update_library_author_by_pk(pk_columns: {{id: 99}}, _set: {{email: null}}) {{ id }}
            update_library_book_many(updates: [
              {{where: {{pages: {{_eq: 1}}}}, _inc: {{pages: 1}}}},
              {{where: {{pages: {{_eq: 2}}}}, _set: {{pages: 500}}}}]) {{ affected_rows returning {{ pages }} }}
            delete_library_book(where: {{author: {{name: {{_eq: "Bo"}}}}}}) {{
              affected_rows returning {{ title author {{ name }} }} }}
            delete_library_book_by_pk(id: "{ENGINES}") {{ title }}
            again: delete_library_book_by_pk(id: "{ENGINES}") {{ title }} }}"""
    )
    data = data_of(answer)
    assert data["update_library_book_by_pk"] == {"title": "Flying", "pages": 1}
    assert data["none"] is None
    assert data["update_library_book_many"] == [
        {"affected_rows": 1, "returning": [{"pages": 2}]},
        {"affected_rows": 1, "returning": [{"pages": 500}]},
    ]
    assert data["delete_library_book"]["affected_rows"] == 2
    assert sorted(row["title"] for row in data["delete_library_book"]["returning"]) == ["Boats", "Storms"]
    assert (data["delete_library_book_by_pk"], data["again"]) == ({"title": "Engines"}, None)


def test_an_exception_of_a_function_is_shown_to_the_admin_only(library: HasuraServer) -> None:
    (error,) = library.request("mutation { refuse_tickets { id } }")["errors"]
    assert error["extensions"]["internal"]["error"]["message"] == "not today"
    assert error["extensions"]["internal"]["error"]["status_code"] == "P0001"


def test_all_fields_of_a_mutation_are_one_transaction_in_order(library: HasuraServer) -> None:
    first = f'a: update_library_book_by_pk(pk_columns: {{id: "{ENGINES}"}}, _set: {{pages: 1}}) {{ pages }}'
    last = 'z: insert_library_author_one(object: {name: "Ada"}) { id }'
    assert error_of(library.request(f"mutation {{ {first} {last} }}"))[0] == "constraint-violation"
    assert data_of(library.request(f'{{ library_book_by_pk(id: "{ENGINES}") {{ pages }} }}')) == {
        "library_book_by_pk": {"pages": 120}
    }
    second = f'b: update_library_book_by_pk(pk_columns: {{id: "{ENGINES}"}}, _inc: {{pages: 1}}) {{ pages }}'
    assert data_of(library.request(f"mutation {{ {first} {second} }}")) == {"a": {"pages": 1}, "b": {"pages": 2}}


def test_a_volatile_function_is_a_mutation_and_gets_the_session(library: HasuraServer) -> None:
    headers = {"x-hasura-role": "worker", "x-hasura-worker-id": "w7"}
    answer = library.request(
        "mutation { claim_tickets(args: {amount: 2}, order_by: {id: desc}) { id state owner } }", headers=headers
    )
    assert data_of(answer)["claim_tickets"] == [
        {"id": 2, "state": "TAKEN", "owner": "w7"},
        {"id": 1, "state": "TAKEN", "owner": "w7"},
    ]
    assert (
        error_of(library.request("{ claim_tickets { id } }"))[2]
        == "field 'claim_tickets' not found in type: 'query_root'"
    )


def test_concurrent_claims_take_each_row_once(library: HasuraServer) -> None:
    def claim(worker: int) -> list[int]:
        headers = {"x-hasura-role": "worker", "x-hasura-worker-id": f"w{worker}"}
        answer = library.request("mutation { claim_tickets { id } }", headers=headers)
        return [row["id"] for row in data_of(answer)["claim_tickets"]]

    with ThreadPoolExecutor(8) as pool:
        claimed = [identity for rows in pool.map(claim, range(8)) for identity in rows]
    assert sorted(claimed) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("operator", ["set", "append"])
@pytest.mark.parametrize("variables", [{}, {"operand": None}])
def test_null_is_no_operand_of_an_update(library: HasuraServer, operator: str, variables: dict[str, Any]) -> None:
    mutation = f"""mutation ($operand: library_book_{operator}_input) {{
        update_library_book(where: {{}}, _{operator}: $operand) {{ affected_rows }} }}"""
    code, path, message = error_of(library.request(mutation, variables))
    assert (code, path) == ("validation-failed", f"$.selectionSet.update_library_book.args._{operator}")
    assert message == f"expected an object for type 'library_book_{operator}_input', but found null"
    many = f"""mutation ($operand: library_book_{operator}_input) {{
        update_library_book_many(updates: [{{where: {{}}, _{operator}: $operand}}]) {{ affected_rows }} }}"""
    assert error_of(library.request(many, variables))[0] == "validation-failed"
