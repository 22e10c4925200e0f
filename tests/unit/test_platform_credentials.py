"""Where the credential of the Hasura adapter comes from, and when it is fetched anew."""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from openjd_vstitcher.config import PlatformConfig
from openjd_vstitcher.errors import ConfigError, PlatformError
from openjd_vstitcher.platform.hasura.credentials import Credential
from openjd_vstitcher.platform.hasura.transports import refuses_credential


def token(expires_in_s: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + expires_in_s}).encode()).decode().rstrip("=")
    return f"e30.{claims}.signature"


def test_an_admin_secret_comes_with_role_and_worker(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    credential = Credential(PlatformConfig(credential_file=file, role="worker"))
    assert credential.headers(worker="w") == {
        "X-Hasura-Admin-Secret": "s3cret",
        "X-Hasura-Role": "worker",
        "X-Hasura-Worker-Id": "w",
    }


def test_a_jwt_comes_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", token(3600))
    credential = Credential(PlatformConfig(auth="jwt", credential_variable="THE_TOKEN"))
    headers = credential.headers(worker="w")
    assert set(headers) == {"Authorization"}
    assert headers["Authorization"].startswith("Bearer e30.")


@pytest.mark.parametrize(("expires_in_s", "fetched"), [(3600, 1), (20, 3)])
def test_a_jwt_is_fetched_again_before_it_expires(tmp_path: Path, expires_in_s: float, fetched: int) -> None:
    count = tmp_path / "count"
    count.touch()
    script = f"open({str(count)!r}, 'a').write('x'); print({token(expires_in_s)!r})"
    config = PlatformConfig(auth="jwt", credential_command=(sys.executable, "-c", script))
    credential = Credential(config)
    for _ in range(3):
        credential.headers()
    assert len(count.read_text()) == fetched


def test_a_forgotten_credential_is_fetched_again(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old")
    credential = Credential(PlatformConfig(credential_file=file))
    credential.headers()
    file.write_text("new")
    assert credential.headers()["X-Hasura-Admin-Secret"] == "old"
    credential.forget()
    assert credential.headers()["X-Hasura-Admin-Secret"] == "new"


def test_a_credential_without_a_source_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected credential_file, credential_variable or credential_command"):
        Credential(PlatformConfig())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (PlatformConfig(credential_file=Path("/no/such/file")), r"cannot read .no.such.file"),
        (PlatformConfig(credential_variable="NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE is not set"),
        (PlatformConfig(credential_command=("no-such-command",)), "no-such-command failed"),
        (PlatformConfig(credential_command=(sys.executable, "-c", "print('s3cret'); exit(3)")), "exit code 3"),
    ],
)
def test_a_credential_that_cannot_be_had_is_said_so(config: PlatformConfig, message: str) -> None:
    with pytest.raises(PlatformError, match=message) as failed:
        Credential(config).headers()
    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize(("code", "refused"), [(4400, True), (4401, True), (4403, True), (1000, False)])
def test_a_websocket_that_was_closed_because_of_its_credential_is_known_in_any_error(code: int, refused: bool) -> None:
    closed = ConnectionClosedError(Close(code, ""), None)
    assert refuses_credential(closed) is refused
    for link in ("__cause__", "__context__"):
        error = RuntimeError("Connect failed")
        setattr(error, link, closed)
        assert refuses_credential(error) is refused


def test_an_error_without_a_closed_websocket_refuses_no_credential() -> None:
    assert not refuses_credential(ConnectionClosedError(None, None))
    assert not refuses_credential(OSError("away"))
    assert not refuses_credential(None)
