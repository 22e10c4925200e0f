"""The requests of the Hasura adapter against the schema that the shipped metadata gives. No network."""

from __future__ import annotations

import re

import pytest
from graphql import DocumentNode, GraphQLError, GraphQLSchema, build_schema, print_ast, validate

from openjd_vstitcher.platform.hasura.queries import requests
from openjd_vstitcher.resources import resource

KINDS = ["extended", "legacy", "serving", "introspection"]
SCHEMA = resource("schemas/hasura/schema.graphql").read_text(encoding="utf-8")
_JOB = re.compile(r"\b(insert_|update_|delete_|)platform_job(?!_(?:preset|event|status|type))(?=\b|_)")


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(SCHEMA)


def problems(schema: GraphQLSchema, documents: dict[str, DocumentNode]) -> dict[str, list[GraphQLError]]:
    found = {name: validate(schema, document) for name, document in documents.items()}
    return {name: errors for name, errors in found.items() if errors}


@pytest.mark.parametrize("kind", KINDS)
def test_every_request_fits_the_schema(schema: GraphQLSchema, kind: str) -> None:
    documents = requests(kind)
    assert documents
    assert problems(schema, documents) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_request_fits_where_the_table_of_jobs_has_another_name(kind: str) -> None:
    other = build_schema(_JOB.sub(r"\g<1>dxa_flow_node_run", SCHEMA))
    documents = requests(kind, job_root="dxa_flow_node_run")
    assert problems(other, documents) == {}


def test_a_request_that_does_not_fit_is_noticed() -> None:
    schema = build_schema(SCHEMA.replace("cancel_requested: Boolean", "cancel_requested_at: Boolean"))
    assert validate(schema, requests("extended")["Claim"])


def test_a_request_is_sent_with_the_fragments_that_it_uses_only() -> None:
    documents = requests("extended")
    assert "fragment" not in print_ast(documents["Heartbeat"])
    assert print_ast(documents["Claim"]).count("fragment") == 2


def test_fields_that_the_role_may_not_read_are_left_out() -> None:
    assert "requestor_id" in print_ast(requests("extended")["Jobs"])
    without = requests("extended", without=["requestor_id"])
    assert not any("requestor_id" in print_ast(document) for document in without.values())
