"""Cases in the form of Hasura's own test suite, against the Hasura test server."""

from __future__ import annotations

import pytest

from tests.hasura import cases
from tests.hasura.library import SAMPLE
from tests.hasura.process import HasuraServer, hasura_server

pytest_plugins = ["tests.hasura.fixtures"]

REFUSALS = [case for path in sorted((SAMPLE / "cases").glob("*.yaml")) for case in cases.load_cases(path)]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.responses[0]["errors"][0]["message"][:60])
def test_what_is_wrong_is_refused_in_hasuras_words(library: HasuraServer, case: cases.Case) -> None:
    assert case.fault(library.url, library.admin_headers) is None


def test_a_directory_of_cases_is_set_up_run_and_torn_down(
    postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with hasura_server(postgres_url, None, admin_secret="s") as server:
        directory = str(SAMPLE / "cases" / "notes")
        assert cases.main([directory, "--url", server.url, "--admin-secret", "s"]) == 1
        assert server.request("{ note { id } }")["errors"]
    printed = capsys.readouterr().out.splitlines()
    faults = [line for line in printed if line.startswith("FAIL")]
    assert len(printed) == 7
    assert len(faults) == 1
    assert faults[0].startswith("FAIL wrong_on_purpose.yaml: An answer that is not so: got ")
