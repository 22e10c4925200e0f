"""Law 5: what counts as a credential in a variable and in text, and that it is taken out everywhere."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

import pytest

from openjd_vstitcher import redaction
from openjd_vstitcher.config import PlatformConfig
from openjd_vstitcher.log_lines import LogFormatter
from openjd_vstitcher.platform.hasura.credentials import Credential
from openjd_vstitcher.redaction import Redaction, is_secret, without_credentials

CANARY = "canary-4711"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "name",
    [
        *("DB_PASS", "MYSQL_PWD", "GITHUB_PAT", "SLACK_WEBHOOK_URL", "AZURE_STORAGE_CONNECTION_STRING", "PGPASSWORD"),
        *("AWS_SECRET_ACCESS_KEY", "HASURA_GRAPHQL_ADMIN_SECRET", "MY_TOKEN", "NPM_AUTH", "SSH_AUTH_SOCK", "X_API_KEY"),
    ],
)
def test_names_of_credentials_are_known(name: str) -> None:
    assert is_secret(name, "x")


@pytest.mark.parametrize("name", ["PATH", "PWD", "OLDPWD", "AWS_REGION", "XAUTHORITY", "COMPASS", "PATTERN", "LANG"])
def test_harmless_names_are_not_taken_for_credentials(name: str) -> None:
    assert not is_secret(name, "x")


@pytest.mark.parametrize(
    "text",
    [
        f"postgres://user:{CANARY}@host/db",
        f"postgres://user:p/{CANARY}@host/db",
        f"https://:{CANARY}@host/",
        f"cannot connect to user:{CANARY}@host",
        f"https://maps.example/x?key={CANARY}&y=1",
        f"password={CANARY}",
        f"password: {CANARY}",
        f"DB_PASSWORD='{CANARY}'",
        f'{{"api_key": "{CANARY}"}}',
        f"Authorization: Bearer {CANARY}",
        f"Authorization: Basic {CANARY}",
        f"x-hasura-admin-secret: {CANARY}",
        f"bearer {CANARY} was refused",
        f"https://b.s3.example/k?X-Amz-Credential={CANARY}&X-Amz-Signature={CANARY}&X-Amz-Security-Token={CANARY}",
        f"https://x.blob.example/k?sv=1&sig={CANARY}",
        f"AccountName=a;AccountKey={CANARY};EndpointSuffix=x",
        f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----",
        f"https://hooks.slack.com/services/T0/B0/{CANARY.replace('-', '')}",
    ],
)
def test_what_looks_like_a_credential_is_taken_out_of_text(text: str) -> None:
    plain = Redaction({})(text)
    assert "4711" not in plain
    assert "[redacted]" in plain


def test_tokens_are_known_by_their_form() -> None:
    for token in (JWT, "AKIAABCDEFGHIJKLMNOP", "ghp_" + "a" * 36, "xoxb-1234567890-abc"):
        assert token not in without_credentials(f"refused: {token}.")


@pytest.mark.parametrize(
    "text",
    [
        "front.png failed in stage export: no colorway named 'navy'",
        "the token expired; cannot read /etc/openjd-vs/token: No such file",
        "s3://bucket/prefix/keys/a.png",
        "12:30:01 write to someone@example.com",
        'vstitcher_event: {"event": "exported", "file": "a.png", "key": "tech_pack_v0"}',
        "Basic material properties are missing",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert without_credentials(text) == text


def test_json_stays_json(tmp_path: Path) -> None:
    value = {"event": "x", "message": f'he said "password={CANARY}" \\ and token="{CANARY}\\n"', "n": [1, {"k": "v"}]}
    plain = Redaction({})(json.dumps(value))
    assert CANARY not in plain
    assert json.loads(plain)["n"] == [1, {"k": "v"}]


@pytest.mark.parametrize(
    "text", ["a:", "://a:b", "token\\", "eyJaaaaa.a.", "-----BEGIN PRIVATE KEY-----", "a.+-", "password: ", "://:"]
)
def test_hostile_text_takes_no_time_without_bounds(text: str) -> None:
    begun_s = time.process_time()
    without_credentials(text * (64_000 // len(text)))
    assert time.process_time() - begun_s < 2


@pytest.mark.parametrize("source", ["file", "variable", "command"])
def test_the_configured_credential_is_hidden_wherever_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setattr(redaction, "_remembered", ())
    hide = Redaction({})
    assert CANARY in hide(f"the value {CANARY}")
    (tmp_path / "secret").write_text(f"{CANARY}\n")
    monkeypatch.setenv("ODD_NAME", CANARY)
    config = {
        "file": PlatformConfig(credential_file=tmp_path / "secret"),
        "variable": PlatformConfig(credential_variable="ODD_NAME"),
        "command": PlatformConfig(credential_command=(sys.executable, "-c", f"print({CANARY!r})")),
    }[source]
    Credential(config).headers()
    assert hide(f"the value {CANARY}") == "the value [redacted]"


def test_a_rotated_credential_is_hidden_too_and_old_ones_are_forgotten_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_remembered", ())
    file = tmp_path / "secret"
    credential = Credential(PlatformConfig(credential_file=file))
    for number in range(100):
        file.write_text(f"{CANARY}-{number:03}")
        credential.forget()
        credential.headers()
    hide = Redaction({})
    assert hide(f"x {CANARY}-099 {CANARY}-090") == "x [redacted] [redacted]"
    assert len(redaction._remembered) == 16


def test_a_log_has_no_credential_in_messages_arguments_or_tracebacks() -> None:
    formatter = LogFormatter()
    try:
        raise RuntimeError(f"postgres://u:{CANARY}@host refused it")
    except RuntimeError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed: %s", (f"token={CANARY}",), sys.exc_info())
    text = formatter.format(record)
    assert "Traceback" in text
    assert CANARY not in text
