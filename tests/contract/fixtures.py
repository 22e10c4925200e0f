"""The two Hasura deployments as fixtures, for `pytest_plugins`; each lives as long as the test session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .platforms import Deployment, HttpDeployment, extended, legacy, over_http

pytest_plugins = ["tests.hasura.fixtures"]


@pytest.fixture(scope="session")
def extended_deployment(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with extended(postgres_server, tmp_path_factory.mktemp("extended")) as deployment:
        yield deployment


@pytest.fixture(scope="session")
def legacy_deployment(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with legacy(postgres_server, tmp_path_factory.mktemp("legacy")) as deployment:
        yield deployment


@pytest.fixture(scope="session")
def http_deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpDeployment]:
    with over_http(tmp_path_factory.mktemp("http")) as deployment:
        yield deployment
