from __future__ import annotations

import dataclasses
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.config import CONFIG_VARIABLE, ENGINE_KINDS, Config, load_config
from openjd_vstitcher.config.file import read_config
from openjd_vstitcher.config.keys import declared
from openjd_vstitcher.config.text import commented_file, effective_file, effective_values, reference
from openjd_vstitcher.errors import ConfigError

ROOT = Path(__file__).parents[2]
PIXELS = "OPENJD_VS_STANDIN_MAX_PIXELS"


@pytest.fixture(autouse=True)
def _no_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PIXELS, raising=False)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def problems(tmp_path: Path, text: str) -> list[str]:
    """What is wrong with a file, without its name."""
    path = write(tmp_path / "c.toml", text)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    found = refused.value.problems
    assert str(refused.value) == "\n".join(found)
    assert all(problem.startswith(f"{path}: ") for problem in found)
    return [problem.removeprefix(f"{path}: ") for problem in found]


def test_defaults_when_there_is_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config = load_config()
    assert config.source is None
    assert config.platform.kind == "embedded"
    assert "~" not in str(config.worker.work_dir)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "c.toml", '[worker]\nwork_dir = "jobs"\nlease_s = 5\n'))
    assert config.worker.work_dir == tmp_path / "jobs"
    assert config.worker.lease_s == 5.0
    assert config.source == tmp_path / "c.toml"


def test_the_variable_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(write(tmp_path / "c.toml", '[worker]\nid = "studio-3"\n')))
    assert load_config().worker.id == "studio-3"


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b'\xef\xbb\xbf[worker]\r\nid = "studio-3"\r\n')
    assert load_config(tmp_path / "c.toml").worker.id == "studio-3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[worker", "not valid TOML"),
        ("[workers]", "workers: unknown key, did you mean worker?"),
        ("[everything]", "everything: unknown key, expected worker, platform, "),
        ("[worker]\nleasse_s = 1", "worker.leasse_s: unknown key, did you mean lease_s?"),
        ("[worker]\ncache_dir = 'x'", "worker.cache_dir: unknown key, did you mean inputs.cache_dir?"),
        ('[worker]\n"a\\nb" = 1', "worker.'a\\nb': unknown key"),
        ("source = 'x'", "source: unknown key"),
        ("worker = 1", "worker: expected a table, found 1"),
        ("[worker]\nlease_s = 'long'", "worker.lease_s: expected a number from 1 to 86400, found 'long'"),
        ("[worker]\nlease_s = 0", "worker.lease_s: expected a number from 1 to 86400, found 0.0"),
        ("[worker]\nlease_s = nan", "worker.lease_s: expected a number from 1 to 86400, found nan"),
        ("[worker]\nlease_s = inf", "worker.lease_s: expected a number from 1 to 86400, found inf"),
        ("[worker]\nslots = 65", "worker.slots: expected an integer from 1 to 64, found 65"),
        ("[worker]\nslots = 1.0", "worker.slots: expected an integer from 1 to 64, found 1.0"),
        ("[worker]\nmin_free_bytes = -1", "worker.min_free_bytes: expected an integer of at least 0, found -1"),
        ("[worker]\nslots = true", "worker.slots: expected an integer from 1 to 64, found true"),
        ("[worker]\njob_types = 'TEST'", "worker.job_types: expected a list, found 'TEST'"),
        ("[worker]\njob_types = []", "worker.job_types: expected at least one entry, found an empty list"),
        ("[worker]\njob_types = ['TEST', 1]", "worker.job_types[1]: expected non-empty text"),
        ("[worker]\nwork_dir = ''", "worker.work_dir: expected a path, found ''"),
        pytest.param(
            "[worker]\nwork_dir = '~no-such-user/x'",
            "worker.work_dir: expected a path, found '~no-such-user/x'",
            marks=pytest.mark.posix(reason="Windows takes it for a directory beside the user's own"),
        ),
        ('[worker]\nid = "a\\nb"', "worker.id: expected non-empty text without control characters, found"),
        ("[platform]\nkind = 'mongo'", "platform.kind: expected embedded or hasura, found 'mongo'"),
        ("[platform]\nauth = 'password'", "platform.auth: expected admin-secret or jwt, found 'password'"),
        ("[platform]\njob_table = 'job'", "platform.job_table: expected schema.table, found 'job'"),
        ("[platform]\ncredential_variable = 'A=B'", "platform.credential_variable: expected the name of an"),
        ("[platform]\nendpoint = 'hasura.example.com'", "platform.endpoint: expected an http(s) URL without user"),
        ("[platform]\nendpoint = 'ftp://example.com'", "platform.endpoint: expected an http(s) URL without user"),
        ("[platform]\nendpoint = 'https://[x/v1'", "platform.endpoint: expected an http(s) URL without user"),
        ("[platform]\nendpoint = 'https://h:99999/v1'", "platform.endpoint: expected an http(s) URL without user"),
        ("[storage]\nkind = 'ftp'", "storage.kind: expected local or s3, found 'ftp'"),
        ("[storage]\nwrite_to = ['s3:/bucket']", "storage.write_to[0]: expected s3://bucket, "),
        ("[storage]\nwrite_to = ['s3://UPPER/x']", "storage.write_to[0]: expected s3://bucket, "),
        ("[storage]\nwrite_to = ['s3://bucket/../x']", "storage.write_to[0]: expected s3://bucket, "),
        ("[storage]\nwrite_to = ['https://example.com']", "storage.write_to[0]: expected s3://bucket, "),
        ("[storage]\nwrite_to = ['relative/path']", "storage.write_to[0]: expected s3://bucket, "),
        ("[storage]\nwrite_to = ['file://host/path']", "storage.write_to[0]: expected s3://bucket, "),
        ("[storage.s3]\nsse = 'aes256'", "storage.s3.sse: expected AES256 or aws:kms, found 'aes256'"),
        ("[storage.s3]\nstorage_class = 'glacier'", "storage.s3.storage_class: expected a name such as STANDARD_IA"),
        ("[storage.s3]\ncontent_disposition = 'x'", "storage.s3.content_disposition: expected inline or attachment"),
        ("[storage.s3]\npart_bytes = 1000", "storage.s3.part_bytes: expected an integer from 5242880 to "),
        ("[storage.s3]\nregion = 'eu central'", "storage.s3.region: expected a region name, found 'eu central'"),
        ("[storage.s3.tags]\nteam = 3", "storage.s3.tags.team: expected a tag value of at most 256 characters"),
        ("[inputs]\nread_from = ['ftp://x']", "inputs.read_from[0]: expected s3://bucket, "),
        ("[inputs]\nbodies_prefix = 'bodies'", "inputs.bodies_prefix: expected s3://bucket/prefix, "),
        ("[inputs]\nurl_lifetime_s = 700000", "inputs.url_lifetime_s: expected an integer from 60 to 604800"),
        ("[inputs]\nallow_private_hosts = ['http://nas']", "inputs.allow_private_hosts[0]: expected a host or "),
        ("[inputs]\nallow_private_hosts = ['nas:0']", "inputs.allow_private_hosts[0]: expected a host or host:port"),
        ("[inputs]\nallow_private_hosts = ['NAS']", "inputs.allow_private_hosts[0]: expected a host or host:port"),
        ("[outputs]\nparallel_uploads = 0", "outputs.parallel_uploads: expected an integer from 1 to 64, found 0"),
        ("[outputs]\nkeep_failed_days = -1", "outputs.keep_failed_days: expected a number from 0 to 36500, found -1.0"),
        ("[outputs]\nkeep_done_days = -0.5", "outputs.keep_done_days: expected a number from 0 to 36500, found -0.5"),
        ("[outputs]\nkeep_bytes = -1", "outputs.keep_bytes: expected an integer of at least 0, found -1"),
        ("[outputs]\nwatch = 'inotify'", "outputs.watch: expected auto, events or polling, found 'inotify'"),
        ("[outputs]\nlogs_prefix = 'logs'", "outputs.logs_prefix: expected s3://bucket/prefix, file:///path or"),
        ("[engine]\nkind = 'clo'", "engine.kind: expected auto, vs-cli, vstitcher or standin, found 'clo'"),
        ("[engine.command]\nvs-cli = 'vs {script}'", "engine.command.vs-cli: expected a list, found 'vs {script}'"),
        ("[engine.command]\nvs-cli = []", "engine.command.vs-cli: expected a program and its arguments"),
        ("[engine.command]\nvs-cli = ['']", "engine.command.vs-cli: expected a program and its arguments"),
        ("[engine.command]\nauto = ['x']", "engine.command.auto: expected vs-cli, vstitcher or standin, found 'auto'"),
        ("[[engine.popup]]\ntitle = '('", "engine.popup[0].title: expected a regular expression, found '(' (missing )"),
        ("[[engine.popup]]\ntext = 'x'\n[[engine.popup]]\ntext = '*'", "engine.popup[1].text: expected a regular"),
        ("[[engine.popup]]\naction = 'fail'", "engine.popup[0]: expected a title, a text or both, found a table"),
        ("[[engine.popup]]\ntitle = 'x'\naction = 'close'", "engine.popup[0].action: expected press or fail, found"),
        ("[[engine.popup]]\ntitle = 'x'\nbutton = ''", "engine.popup[0].button: expected non-empty text"),
        ("[engine.popup]\ntitle = 'x'", "engine.popup: expected a list, found a table"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(tmp_path: Path, text: str, message: str) -> None:
    (found,) = problems(tmp_path, text)
    assert message in found


HASURA = "[platform]\nkind = 'hasura'\nendpoint = 'https://hasura.example.com/v1/graphql'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[outputs]\nretry_first_s = 90",
            "outputs.retry_longest_s: expected at least outputs.retry_first_s (90), found 60",
        ),
        ("[storage.s3]\npart_bytes = 99000000", "storage.s3.bytes_in_flight: expected at least storage.s3.part_bytes"),
        ("[storage.s3]\nsse_kms_key_id = 'k'", "storage.s3.sse_kms_key_id: expected no key without storage.s3.sse = "),
        (
            "[storage]\nkind = 's3'\nwrite_to = ['~/out']",
            "storage.write_to: expected s3:// addresses with storage.kind = s3",
        ),
        (
            "[storage]\nkind = 's3'\n[inputs]\nread_from = ['s3://a-b', 'file:///in']",
            "inputs.read_from: expected s3:// addresses with storage.kind = s3, found 'file:///in'",
        ),
        (
            "[storage]\nkind = 's3'\nwrite_to = ['s3://out/x']\n[outputs]\nlogs_prefix = 's3://out/xy'",
            "outputs.logs_prefix: expected an address that storage.write_to allows, found 's3://out/xy'",
        ),
        (HASURA, "platform: expected exactly one of credential_file, credential_variable, credential_command"),
        (HASURA + "credential_file = 'x'\ncredential_variable = 'Y'", "found credential_file and credential_variable"),
        ("[platform]\nkind = 'hasura'\ncredential_file = 'x'", "platform.endpoint: expected an http(s) URL"),
        (
            "[worker]\nsession_user = 'render'\nslots = 2",
            "worker.session_user: expected {slot} in it with worker.slots = 2, because jobs must not share a user; "
            "found 'render'",
        ),
        (
            "[worker]\nsession_user = 'render{slot}'\nsession_group = 'renders'\nslots = 2",
            "worker.session_group: expected {slot} in it with worker.slots = 2",
        ),
        (
            "[worker]\nsession_user = 'render'\n[engine]\nkeep_warm = true",
            "engine.keep_warm: expected false with worker.session_user, because a kept engine serves several jobs",
        ),
        (
            "[engine]\nkind = 'vs-cli'",
            "engine.command: expected the launch command of VS-CLI with engine.kind = vs-cli",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (found,) = problems(tmp_path, text)
    assert message in found


@pytest.mark.parametrize(
    "text",
    [
        "[worker]\nsession_user = 'render'",
        "[worker]\nsession_user = 'render{slot}'\nslots = 2",
        "[worker]\nsession_user = 'render{slot}'\nsession_group = 'renders{slot}'\nslots = 2",
        "[worker]\nsession_group = 'renders'\nslots = 2\n[engine]\nkeep_warm = true",
    ],
)
def test_session_users_that_jobs_do_not_share_are_allowed(tmp_path: Path, text: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    load_config(file)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    text = "[worker]\nslots = 0\nlese_s = 5\njob_types = [1, 'TEST', 2]\n[outputs]\nretry_first_s = 'x'\nwatch = 'no'\n"
    assert [problem.partition(":")[0] for problem in problems(tmp_path, text)] == [
        "worker.lese_s",
        "worker.slots",
        "worker.job_types[0]",
        "worker.job_types[2]",
        "outputs.watch",
        "outputs.retry_first_s",
    ]


def test_a_refused_key_is_not_reported_again_as_a_contradiction(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "[storage.s3]\nbytes_in_flight = 1\npart_bytes = 99000000\n")) == 1
    assert len(problems(tmp_path, HASURA + "credential_file = 3\n")) == 1


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("root", "'x'", "storage.local.root"),
        ("endpoint_url", "'http://x'", "storage.s3.endpoint_url"),
        ("tags", "{}", "storage.s3.tags"),
        ("read_from", "[]", "inputs.read_from"),
        ("cache_bytes", "0", "inputs.cache_bytes"),
        ("input_url_lifetime_s", "60", "inputs.url_lifetime_s"),
    ],
)
def test_a_moved_key_is_refused_with_its_new_place(tmp_path: Path, key: str, value: str, place: str) -> None:
    assert problems(tmp_path, f"[storage]\n{key} = {value}\n") == [f"storage.{key}: moved to {place}"]


@pytest.mark.parametrize(
    "text",
    [
        "[platform]\nendpoint = 'https://admin:hunter22@hasura.example.com/v1'",
        "[storage.s3]\nendpoint_url = 'https://hunter22@s3.example.com'",
        "[inputs]\nread_from = ['https://x.example/a?X-Amz-Signature=hunter22']",
        "[worker]\nid = ['Bearer hunter22']\nslots = 'Bearer hunter22'",
    ],
)
def test_a_secret_is_not_in_the_message(tmp_path: Path, text: str) -> None:
    assert "hunter22" not in "\n".join(problems(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("[storage]\nwrite_to = ['s3://bucket', 's3://', 'file:///C:/out', '~/out']", "storage.write_to", 4),
        ("[inputs]\nread_from = ['https://cdn.example.com/in/', 's3://bucket/in/']", "inputs.read_from", 2),
        (
            "[inputs]\nallow_private_hosts = ['nas', 'nas.example:8080', '10.0.0.1', '::1', 'fe80::1']",
            "inputs.allow_private_hosts",
            5,
        ),
        ("[engine.command]\nvs-cli = ['vs', '--run', '{script}']", "engine.command", 1),
        ("[[engine.popup]]\ntitle = '^Missing fonts$'\n[[engine.popup]]\ntext = '(?i)licen[cs]e'", "engine.popup", 2),
    ],
)
def test_valid_values_are_accepted(tmp_path: Path, text: str, key: str, value: int) -> None:
    found: Any = load_config(write(tmp_path / "c.toml", text))
    for part in key.split("."):
        found = getattr(found, part)
    assert len(found) == value


def test_inputs_may_come_from_beside_the_configuration_file(tmp_path: Path) -> None:
    text = "[inputs]\nread_from = ['./garments', 's3://bucket/./x']"
    assert "inputs.read_from[1]" in "\n".join(problems(tmp_path, text))
    config = load_config(write(tmp_path / "c.toml", "[inputs]\nread_from = ['./garments', '~/x']"))
    assert config.inputs.read_from == (str(tmp_path / "garments"), "~/x")
    assert "inputs.read_from[0]" in "\n".join(problems(tmp_path, "[inputs]\nread_from = ['./../garments']"))


def test_s3_storage_needs_nothing_local(tmp_path: Path) -> None:
    text = "[storage]\nkind = 's3'\nwrite_to = ['s3://out/x']\n[outputs]\nlogs_prefix = 's3://out/x/logs/'\n"
    assert load_config(write(tmp_path / "c.toml", text)).storage.kind == "s3"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        load_config(tmp_path / "none.toml")


def test_an_environment_variable_overrides_the_file_and_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "c.toml", "[engine]\nstandin_max_pixels = 5\n")
    monkeypatch.setenv(PIXELS, "2000")
    read = read_config(file)
    assert read.config.engine.standin_max_pixels == 2000
    assert read.origins == {"engine.standin_max_pixels": f"environment {PIXELS}"}
    monkeypatch.setenv(PIXELS, "many")
    with pytest.raises(ConfigError, match=rf"engine\.standin_max_pixels \(\${PIXELS}\): expected an integer from 1 to"):
        load_config(file)


def test_the_commented_file_has_every_key_and_equals_the_defaults(tmp_path: Path) -> None:
    text = commented_file()
    loaded = load_config(write(tmp_path / "c.toml", text))
    assert loaded.source == tmp_path / "c.toml"
    nothing = load_config(write(tmp_path / "empty.toml", ""))
    assert dataclasses.replace(loaded, source=nothing.source) == nothing
    assert max(map(len, text.splitlines())) <= 120
    for entry in effective_values(read_config(tmp_path / "c.toml")):
        assert entry["key"].rpartition(".")[2] in text


def examples(cls: type = Config, table: str = "") -> Iterator[str]:
    """A configuration for each example of the declarations."""
    for item in declared(cls):
        name, example = f"{table}.{item.name}".lstrip("."), item.key.example
        if item.is_table:
            yield from examples(item.hint, name)
        elif example:
            yield f"[{name}]\n{example}" if item.key.default == {} else f"[{table}]\n{item.name} = {example}"


@pytest.mark.parametrize("text", [*examples()])
def test_every_example_of_the_commented_file_is_valid(tmp_path: Path, text: str) -> None:
    config = load_config(write(tmp_path / "c.toml", text))
    assert config != load_config(write(tmp_path / "empty.toml", ""))
    assert text.splitlines()[1].partition(" = ")[2] in commented_file()


def test_the_shown_values_are_a_configuration_that_says_the_same(tmp_path: Path) -> None:
    text = "[worker]\nid = 'w'\n[storage.s3.tags]\n'a b' = 'c'\n[engine.command]\nvs-cli = ['vs', '{script}']\n"
    text += "[[engine.popup]]\ntitle = 'a\"b'\naction = 'press'\n[platform]\ncredential_file = 'token'\n"
    read = read_config(write(tmp_path / "c.toml", text))
    shown = effective_file(read)
    assert 'id = "w"  # file' in shown
    assert "slots = 1  # default" in shown
    again = load_config(write(tmp_path / "again.toml", shown))
    assert dataclasses.replace(again, source=None) == dataclasses.replace(read.config, source=None)


def test_the_shown_values_have_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_HASURA", "hunter22-environment")
    text = HASURA + "credential_command = ['get', '--user', 'hunter22-argument']\n"
    text += "[engine.command]\nvs-cli = ['vs', '--password', 'hunter22-a', '--token=hunter22-b', '{script}']\n"
    text += "[storage.s3.tags]\napi_key = 'hunter22-tag'\n[worker]\nid = 'eyJhunter22.eyJhunter22.x'\n"
    shown = effective_file(read_config(write(tmp_path / "c.toml", text)))
    assert "hunter22" not in shown
    assert 'credential_command = ["get", "[redacted]", "[redacted]"]' in shown
    assert 'vs-cli" = ["vs", "--password", "[redacted]", "--token=[redacted]", "{script}"]' in shown
    text = HASURA + "credential_variable = 'MY_HASURA'\nrole = 'hunter22-environment'\n"
    assert "hunter22" not in effective_file(read_config(write(tmp_path / "c.toml", text)))


def test_a_long_work_dir_is_refused_where_windows_has_no_long_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"[worker]\nwork_dir = '{tmp_path.as_posix()}/{'x' * 100}'"
    monkeypatch.setattr("openjd_vstitcher.config.rules.long_paths", lambda: False)
    assert "worker.work_dir: expected at most 100 characters, or Windows with long paths" in problems(tmp_path, text)[0]
    monkeypatch.setattr("openjd_vstitcher.config.rules.long_paths", lambda: True)
    load_config(write(tmp_path / "c.toml", text))


def test_the_reference_page_is_current() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page == reference(), "run: openjd-vs config reference > docs/configuration.md"


def test_the_engine_kinds_are_declared_once() -> None:
    sources = [path for path in (ROOT / "openjd_vstitcher").rglob("*.py") if path.name != "tables.py"]
    repeated = ['"vs-cli", "vstitcher"', '"vstitcher", "standin"']
    assert [path for path in sources if any(text in path.read_text(encoding="utf-8") for text in repeated)] == []
    assert ENGINE_KINDS[0] == Config().engine.kind


def test_reading_the_configuration_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys; from openjd_vstitcher.config import load_config; load_config(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint({"pydantic", "msgspec", "difflib", "click", "json.tool", "http.client", "ssl", "asyncio"})
    assert "openjd_vstitcher.config.text" not in loaded


def test_the_examples_are_valid() -> None:
    files = list((ROOT / "examples").rglob("*.toml"))
    assert files
    for file in files:
        assert tomllib.loads(file.read_text(encoding="utf-8"))
        assert load_config(file).source == file
