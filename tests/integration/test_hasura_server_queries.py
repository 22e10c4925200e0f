"""Queries of the Hasura test server: filters, order, aggregates, relationships, functions, types."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hasura.process import HasuraServer

pytest_plugins = ["tests.hasura.fixtures"]


def titles(library: HasuraServer, args: str, variables: dict[str, Any] | None = None, declare: str = "") -> list[str]:
    order = "" if "order_by" in args else ", order_by: {position: asc}"
    query = f"query {declare} {{ library_book({args}{order}) {{ title }} }}"
    return [book["title"] for book in library.request(query, variables)["data"]["library_book"]]


def error_of(answer: dict[str, Any]) -> tuple[str, str, str]:
    (error,) = answer["errors"]
    return error["extensions"]["code"], error["extensions"]["path"], error["message"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('{title: {_eq: "Boats"}}', ["Boats"]),
        ('{title: {_neq: "Boats"}, pages: {_is_null: false}}', ["Engines", "Flying", "Storms"]),
        ("{pages: {_gt: 80, _lte: 120}}", ["Engines"]),
        ("{pages: {_gte: 120}}", ["Engines", "Flying"]),
        ("{pages: {_lt: 120}}", ["Storms"]),
        ("{pages: {_in: [80, 300]}}", ["Flying", "Storms"]),
        ("{pages: {_nin: [80]}}", ["Engines", "Flying"]),
        ("{pages: {_in: []}}", []),
        ("{pages: {_is_null: true}}", ["Boats"]),
        ("{genre: {_eq: NOVEL}}", ["Flying", "Storms"]),
        ("{genre: {_in: [POETRY, ESSAY]}}", ["Engines", "Boats"]),
        ('{title: {_like: "%o%s"}}', ["Boats", "Storms"]),
        ('{title: {_ilike: "E%"}}', ["Engines"]),
        ('{title: {_nlike: "%s"}}', ["Flying"]),
        ('{title: {_nilike: "%S"}}', ["Flying"]),
        ('{title: {_similar: "(B|S)%"}}', ["Boats", "Storms"]),
        ('{title: {_nsimilar: "(B|S)%"}}', ["Engines", "Flying"]),
        ('{title: {_regex: "^[EF]"}}', ["Engines", "Flying"]),
        ('{title: {_iregex: "^e"}}', ["Engines"]),
        ('{title: {_nregex: "^[EF]"}}', ["Boats", "Storms"]),
        ('{title: {_niregex: "^[ef]"}}', ["Boats", "Storms"]),
        ('{_or: [{title: {_eq: "Boats"}}, {pages: {_eq: 80}}]}', ["Boats", "Storms"]),
        ("{_and: [{pages: {_gt: 1}}, {_not: {genre: {_eq: NOVEL}}}]}", ["Engines"]),
        ("{_or: []}", []),
        ("{_and: []}", ["Engines", "Flying", "Boats", "Storms"]),
        ('{author: {name: {_eq: "Bo"}}}', ["Boats", "Storms"]),
        ("{author: {_not: {books: {genre: {_eq: POETRY}}}}}", ["Engines", "Flying"]),
        ("{details: {_contains: {award: true}}}", ["Flying"]),
        ('{details: {_contained_in: {award: false, langs: ["en", "de"], more: 1}}}', ["Boats", "Storms"]),
        ('{details: {_has_key: "award"}}', ["Flying", "Storms"]),
        ('{details: {_has_keys_any: ["award", "size"]}}', ["Engines", "Flying", "Storms"]),
        ('{details: {_has_keys_all: ["award", "langs"]}}', ["Storms"]),
        ('{details: {_cast: {String: {_like: "%award%"}}}}', ["Flying", "Storms"]),
        ("{details: {_eq: {}}}", ["Boats"]),
        ('{details: {_jsonb_path_exists: "$.size.w"}}', ["Engines"]),
        ('{details: {_jsonb_path_match: "$.award == true"}}', ["Flying"]),
        ('{tags: {_contains: ["sea"]}}', ["Boats", "Storms"]),
        ('{tags: {_eq: ["sea", "wind"]}}', ["Storms"]),
        ('{id: {_in: ["00000000-0000-0000-0000-000000000002"]}}', ["Flying"]),
        ("{price: {_gt: 12.25}}", ["Engines", "Flying"]),
        ('{price: {_eq: "12.5"}}', ["Engines"]),
        ("{published: {_eq: false}}", ["Flying"]),
        ('{created_at: {_lt: "2001-01-01T00:00:00Z"}}', []),
    ],
)
def test_a_filter_selects_the_rows_it_describes(library: HasuraServer, where: str, expected: list[str]) -> None:
    assert titles(library, f"where: {where}") == expected


def test_values_come_from_variables_of_the_column_type(library: HasuraServer) -> None:
    declare = "($where: library_book_bool_exp!, $limit: Int, $order: [library_book_order_by!])"
    variables = {"where": {"genre": {"_in": ["NOVEL", "ESSAY"]}}, "limit": 2, "order": [{"pages": "desc_nulls_last"}]}
    assert titles(library, "where: $where, limit: $limit, order_by: $order", variables, declare) == [
        "Flying",
        "Engines",
    ]
    by_id = "($id: uuid!, $since: timestamptz, $details: jsonb)"
    where = "where: {id: {_eq: $id}, created_at: {_gt: $since}, details: {_contains: $details}}"
    values = {
        "id": "00000000-0000-0000-0000-000000000002",
        "since": "2000-01-01T00:00:00+00:00",
        "details": {"award": True},
    }
    assert titles(library, where, values, by_id) == ["Flying"]


def test_a_hostile_value_stays_a_value(library: HasuraServer) -> None:
    hostile = "'; DROP TABLE library.book; -- %s \" $1"
    declare = "($title: String!)"
    assert titles(library, "where: {title: {_eq: $title}}", {"title": hostile}, declare) == []
    assert len(titles(library, "")) == 4


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ("order_by: {pages: asc}", ["Storms", "Engines", "Flying", "Boats"]),
        ("order_by: {pages: asc_nulls_first}", ["Boats", "Storms", "Engines", "Flying"]),
        ("order_by: {pages: desc}", ["Boats", "Flying", "Engines", "Storms"]),
        ("order_by: {pages: desc_nulls_last}, limit: 2", ["Flying", "Engines"]),
        ("order_by: [{author: {name: desc}}, {title: desc}]", ["Storms", "Boats", "Flying", "Engines"]),
        ("order_by: {position: asc}, offset: 1, limit: 2", ["Flying", "Boats"]),
        ("order_by: [{genre: asc}, {pages: asc}], distinct_on: [genre]", ["Engines", "Storms", "Boats"]),
        (
            "order_by: [{author: {books_aggregate: {max: {pages: asc}}}}, {title: asc}]",
            ["Boats", "Storms", "Engines", "Flying"],
        ),
    ],
)
def test_order_limit_offset_and_distinct(library: HasuraServer, args: str, expected: list[str]) -> None:
    assert titles(library, args) == expected


def test_distinct_columns_must_begin_the_order(library: HasuraServer) -> None:
    answer = library.request("{ library_book(distinct_on: [genre], order_by: {pages: asc}) { title } }")
    assert error_of(answer) == (
        "validation-failed",
        "$.selectionSet.library_book.args",
        '"distinct_on" columns must match initial "order_by" columns',
    )


def test_relationships_nest_with_arguments_of_their_own(library: HasuraServer) -> None:
    answer = library.request(
        """{ authors(order_by: [{books_aggregate: {count: desc}}, {name: desc}]) {
             name
             poems: books(where: {genre: {_eq: POETRY}}) { title }
             books(order_by: {pages: desc_nulls_last}, limit: 1) {
               title author { name } by_hand: author_by_hand { id } }
           } }"""
    )
    assert answer["data"]["authors"] == [
        {
            "name": "Bo",
            "poems": [{"title": "Boats"}],
            "books": [{"title": "Storms", "author": {"name": "Bo"}, "by_hand": {"id": 2}}],
        },
        {"name": "Ada", "poems": [], "books": [{"title": "Flying", "author": {"name": "Ada"}, "by_hand": {"id": 1}}]},
        {"name": "Cy", "poems": [], "books": []},
    ]


def test_aggregates_count_distinct_values_and_describe_columns(library: HasuraServer) -> None:
    answer = library.request(
        """{ library_book_aggregate(where: {pages: {_is_null: false}}, order_by: {pages: asc}) {
             aggregate { count genres: count(columns: [genre], distinct: true) sum { pages } avg { pages }
                         min { title pages } max { price created_at __typename } }
             nodes { title }
           }
           authors(where: {name: {_eq: "Bo"}}) {
             books_aggregate(where: {pages: {_gt: 1000}}) { aggregate { count max { pages } } nodes { title } }
           } }"""
    )
    data = answer["data"]
    aggregate = data["library_book_aggregate"]["aggregate"]
    assert (aggregate["count"], aggregate["genres"], aggregate["sum"]) == (3, 2, {"pages": 500})
    assert aggregate["avg"]["pages"] == pytest.approx(500 / 3)
    assert aggregate["min"] == {"title": "Engines", "pages": 80}
    assert aggregate["max"]["__typename"] == "library_book_max_fields"
    assert [node["title"] for node in data["library_book_aggregate"]["nodes"]] == ["Storms", "Engines", "Flying"]
    assert data["authors"] == [{"books_aggregate": {"aggregate": {"count": 0, "max": {"pages": None}}, "nodes": []}}]


def test_rows_can_be_filtered_by_the_number_of_related_rows(library: HasuraServer) -> None:
    where = "{books_aggregate: {count: {predicate: {_gte: 1}, filter: {genre: {_eq: NOVEL}, pages: {_gt: 100}}}}}"
    answer = library.request(f"{{ authors(where: {where}) {{ name }} }}")
    assert answer["data"]["authors"] == [{"name": "Ada"}]


def test_by_pk_gives_the_row_or_null(library: HasuraServer) -> None:
    answer = library.request(
        """query ($id: uuid!) { library_book_by_pk(id: $id) { title pages price tags created_at }
             author(id: 99) { name } other: author(id: 3) { name bornOn } }""",
        {"id": "00000000-0000-0000-0000-000000000001"},
    )
    book = answer["data"]["library_book_by_pk"]
    assert book.pop("created_at").endswith("+00:00")
    assert book == {"title": "Engines", "pages": 120, "price": 12.5, "tags": ["maths", "steam"]}
    assert answer["data"]["author"] is None
    assert answer["data"]["other"] == {"name": "Cy", "bornOn": None}


def test_numbers_keep_their_digits(library: HasuraServer) -> None:
    library.command(
        {
            "type": "run_sql",
            "args": {"sql": "UPDATE library.book SET price = 123456.78, position = position + 9007199254740993"},
        }
    )
    answer = library.request('{ library_book(where: {title: {_eq: "Engines"}}) { price position } }')
    assert answer["data"]["library_book"] == [{"price": 123456.78, "position": 9007199254740994}]


def test_json_is_selected_by_path(library: HasuraServer) -> None:
    answer = library.request(
        """{ library_book(where: {title: {_eq: "Engines"}}) {
             width: details(path: "$.size.w") size: details(path: "size") lang: details(path: "langs[0]")
             quoted: details(path: "$['size']['h']") none: details(path: "a.b") } }"""
    )
    assert answer["data"]["library_book"] == [
        {"width": 10, "size": {"h": 20, "w": 10}, "lang": "en", "quoted": 20, "none": None}
    ]


def test_a_function_is_a_source_of_rows_like_a_table(library: HasuraServer) -> None:
    answer = library.request(
        """{ library_search_books(args: {term: "s"}, where: {pages: {_gt: 1}}, order_by: {title: desc}) {
               title author { name } }
             few: library_search_books(args: {term: "s", min_pages: 100}) { title }
             library_search_books_aggregate(args: {term: "s"}) { aggregate { count } } }"""
    )
    assert answer["data"] == {
        "library_search_books": [
            {"title": "Storms", "author": {"name": "Bo"}},
            {"title": "Engines", "author": {"name": "Ada"}},
        ],
        "few": [{"title": "Engines"}],
        "library_search_books_aggregate": {"aggregate": {"count": 3}},
    }


def test_a_computed_field_is_selected_filtered_and_ordered(library: HasuraServer) -> None:
    answer = library.request(
        "{ authors(where: {book_count: {_gt: 0}}, order_by: [{book_count: asc}, {id: desc}]) { name book_count } }"
    )
    assert answer["data"]["authors"] == [{"name": "Bo", "book_count": 2}, {"name": "Ada", "book_count": 2}]


def test_fragments_directives_aliases_and_typenames(library: HasuraServer) -> None:
    answer = library.request(
        """query ($skip: Boolean!, $more: Boolean = false) {
             __typename
             ...roots
             author(id: 1) { ...names id @include(if: $more) email @skip(if: $skip) ... on library_author { n: name } }
           }
           fragment roots on query_root { other: author(id: 2) { __typename ...names } }
           fragment names on library_author { name books(limit: 1, order_by: {title: asc}) { ...title } }
           fragment title on library_book { title }""",
        {"skip": True},
    )
    assert answer["data"] == {
        "__typename": "query_root",
        "other": {"__typename": "library_author", "name": "Bo", "books": [{"title": "Boats"}]},
        "author": {"name": "Ada", "books": [{"title": "Engines"}], "n": "Ada"},
    }


def test_a_text_that_is_no_graphql_is_refused(library: HasuraServer) -> None:
    code, path, message = error_of(library.request("{ authors {"))
    assert (code, path) == ("validation-failed", "$.query")
    assert message.startswith("not a valid graphql query")


@pytest.mark.parametrize(
    "order",
    [
        "{title: null}",
        "{author: null}",
        "{author: {name: null}}",
        "{author: {books_aggregate: null}}",
        "{author: {books_aggregate: {count: null}}}",
        "{author: {books_aggregate: {max: null}}}",
        "{author: {books_aggregate: {max: {title: null}}}}",
    ],
)
def test_null_is_no_order(library: HasuraServer, order: str) -> None:
    answer = library.request(f"{{ library_book(order_by: [{order}, {{title: desc}}]) {{ title }} }}")
    titles = [row["title"] for row in answer["data"]["library_book"]]
    assert titles == sorted(titles, reverse=True)


def test_null_for_a_variable_that_must_not_be_null_is_refused_even_with_a_default(library: HasuraServer) -> None:
    query = "query ($n: Int! = 1) { library_book(limit: $n) { title } }"
    assert len(library.request(query)["data"]["library_book"]) == 1
    (error,) = library.request(query, {"n": None})["errors"]
    assert error["message"] == 'null value found for non-nullable type: "Int!"'
    assert error["extensions"] == {"path": "$", "code": "validation-failed"}


def test_a_columns_number_may_be_given_as_text(library: HasuraServer) -> None:
    query = "query ($pages: Int!) { library_book(where: {pages: {_eq: $pages}}) { pages } }"
    assert library.request(query, {"pages": "120"}) == library.request(query, {"pages": 120})
    literal = '{ library_book(where: {pages: {_eq: "120"}, published: {_eq: "true"}}, offset: "0") { pages } }'
    assert "data" in library.request(literal)
    (error,) = library.request(query, {"pages": "many"})["errors"]
    assert error["extensions"]["code"] == "data-exception"


@pytest.mark.parametrize(
    "arguments",
    ['limit: "1"', 'offset: "x"', 'where: {pages: {_is_null: "true"}}', "where: {title: {_eq: 1}}"],
)
def test_text_stands_for_nothing_but_a_columns_value(library: HasuraServer, arguments: str) -> None:
    (error,) = library.request(f"{{ library_book({arguments}) {{ title }} }}")["errors"]
    assert error["extensions"]["code"] == "validation-failed"
