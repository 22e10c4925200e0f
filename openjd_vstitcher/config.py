"""The configuration: one TOML file, one dataclass per table. Standard library only, the engine bridge reads it too."""

from __future__ import annotations

import dataclasses
import os
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from .errors import ConfigError

_T = TypeVar("_T")

CONFIG_VARIABLE = "OPENJD_VS_CONFIG"
"""The environment variable that names the configuration file, for the daemon and for what sessions run."""


@dataclass(frozen=True)
class WorkerConfig:
    """`[worker]`: this machine, and what it may run."""

    id: str = ""
    """Name of the worker in the queue; empty: the host's name."""
    job_types: tuple[str, ...] = ("DXA_EXPORT_BODY_BUNDLE", "DXA_EXPORT_ASSET_BUNDLE", "BRAND_ONBOARDING", "TEST")
    work_dir: Path = Path("~/.local/share/openjd-vstitcher/jobs")
    """Where job directories are made."""
    lease_s: float = 120.0
    max_attempts: int = 3
    slots: int = 1
    """How many attempts run at a time."""
    min_free_bytes: int = 1 << 30
    """With less free space than this on the disk of `work_dir` the worker claims nothing."""
    poll_s: float = 30.0
    """How long to wait for news of a job before looking without any."""
    allowed_commands: tuple[str, ...] = ("openjd-vs", "vstitcher-openjd")
    """The only commands that a template from the queue may run (Law 8)."""


@dataclass(frozen=True)
class PlatformConfig:
    """`[platform]`: the job queue and asset catalogue."""

    kind: str = "embedded"
    """`embedded` or `hasura`."""
    path: Path = Path("~/.local/share/openjd-vstitcher/platform.sqlite")
    """The embedded platform's database."""
    endpoint: str = ""
    """Hasura's GraphQL address, such as `https://hasura.example.com/v1/graphql`."""
    auth: str = "admin-secret"
    """What the credential is: `admin-secret` or `jwt`."""
    credential_file: Path | None = None
    """The file that holds the credential; it is read again when it may have changed."""
    credential_variable: str = ""
    """The environment variable that holds the credential, where there is no file."""
    credential_command: tuple[str, ...] = ()
    """The command that prints the credential, where there is neither; run again before a JWT expires."""
    role: str = ""
    """The role to act in; empty: the credential's own."""
    job_table: str = "platform.job"
    """The table of jobs, as `schema.table`; `dxa.flow_node_run` in some deployments."""
    poll_s: float = 5.0
    """How often to look for jobs where websockets are refused; under a subscription it is six times slower."""
    retry_limit_s: float = 60.0
    """How long one request is tried again after failures that can pass."""


@dataclass(frozen=True)
class StorageConfig:
    """`[storage]`: where outputs go and inputs come from."""

    kind: str = "local"
    """`local` or `s3`."""
    root: Path = Path("~/.local/share/openjd-vstitcher/storage")
    """For `local`: the directory under which `s3://bucket/key` becomes `bucket/key`."""
    read_from: tuple[str, ...] = ()
    """URI prefixes that inputs may come from. Empty: any `s3://` address for `local`, nothing for `s3`."""
    write_to: tuple[str, ...] = ()
    """URI prefixes that outputs may go to. Empty: any `s3://` address for `local`, nothing for `s3`."""
    endpoint_url: str = ""
    """For `s3`: the server, where it is not AWS."""
    region: str = ""
    profile: str = ""
    """For `s3`: the profile of the AWS credentials file; keys are never in this file."""
    path_style: bool = False
    sse: str = ""
    """For `s3`: `AES256` or `aws:kms`."""
    sse_kms_key_id: str = ""
    storage_class: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    public_acl: bool = False
    """For `s3`: give public facing outputs the ACL `public-read`, where a bucket policy does not do it."""
    content_disposition: str = ""
    """For `s3`: `inline` or `attachment`, stored with the output's name."""
    part_bytes: int = 8 << 20
    """For `s3`: size of the parts of a multi-part upload; smaller files go in one request."""
    bytes_in_flight: int = 64 << 20
    """For `s3`: the most bytes of parts that are held in memory and sent at a time."""
    bandwidth_limit: int = 0
    """The most bytes per second that uploads take together; 0: no limit."""
    bodies_prefix: str = "s3://body-files/bodies/3d_body_files/"
    """Where the newest `.bw` of a `body_code` is looked for."""
    cache_dir: Path = Path("~/.cache/openjd-vstitcher/inputs")
    """Where fetched inputs are kept for later jobs of this machine."""
    cache_bytes: int = 20 << 30
    """How large the cache may become; 0: no cache."""
    input_url_lifetime_s: int = 43_200
    """How long the pre-signed URLs of inputs can be used."""
    allow_private_hosts: tuple[str, ...] = ()
    """Hosts (`name` or `name:port`) that inputs may be fetched from although private, or over plain http."""


@dataclass(frozen=True)
class OutputsConfig:
    """`[outputs]`: how outputs get from the disk into storage."""

    parallel_uploads: int = 8
    """Small outputs uploaded at a time; as many large ones go beside them."""
    settle_s: float = 2.0
    """How long size and time must stay the same where the system tells of no close."""
    watch: str = "auto"
    """`auto`, `events` or `polling`; `auto` polls on network drives."""
    finish_limit_s: float = 14_400.0
    """How long the end of a session waits for uploads: longer than storage is usually away."""
    retry_first_s: float = 1.0
    retry_longest_s: float = 60.0
    logs_prefix: str = ""
    """Where logs, journal and template of each attempt go, under job id and attempt; empty: nowhere."""
    keep_done_days: float = 1.0
    """How long the directory of a job stays whose outputs are all safe."""
    keep_failed_days: float = 14.0
    """How long it stays when an output is not safe."""
    keep_bytes: int = 0
    """The most bytes of ended jobs; beyond it the oldest go early, safe ones first. 0: no limit."""


@dataclass(frozen=True)
class PopupRule:
    """`[[engine.popup]]`: a modal window of the engine that is known, and what to do about it."""

    title: str = ""
    """Regular expression found in the window's title."""
    text: str = ""
    """Regular expression found in the window's text."""
    action: str = "fail"
    """`press` the button, or `fail` the export with the window's text."""
    button: str = "OK"


@dataclass(frozen=True)
class EngineConfig:
    """`[engine]`: how engines are found, started and watched."""

    kind: str = "auto"
    """`auto`, `vs-cli`, `vstitcher` or `standin`; a template's `Engine` parameter other than `auto` wins."""
    command: dict[str, list[str]] = field(default_factory=dict)
    """Launch command by engine kind, a list with the placeholder `{script}`."""
    start_limit_s: float = 60.0
    export_limit_s: float = 3600.0
    standin_max_pixels: int = 1_400_000
    """The most pixels that one picture of the stand-in has; larger ones are made smaller, and the journal says so."""
    hang_limit_s: float = 300.0
    """How long an engine at work may use no processor time, write nothing and call nothing before it counts as hung."""
    idle_cpu_share: float = 0.02
    """The share of one processor below which an engine counts as using none."""
    extra_exports: Path | None = None
    """A directory with export and mutation modules of one's own, each with its `<name>.schema.json`."""
    popup: tuple[PopupRule, ...] = ()
    keep_warm: bool = False
    """Keep the engine for the next session on this machine."""
    keep_warm_jobs: int = 20
    """Sessions after which a kept engine is started anew."""
    keep_warm_minutes: float = 240.0
    """Age at which a kept engine is started anew."""
    keep_warm_growth: float = 2.0
    """How many times its memory after the first garment a kept engine may grow to."""


@dataclass(frozen=True)
class Config:
    """The whole configuration.

    Parameters
    ----------
    source: the file that was read, None when there is none.
    """

    worker: WorkerConfig = field(default_factory=WorkerConfig)
    platform: PlatformConfig = field(default_factory=PlatformConfig)
    storage: StorageConfig = field(default_factory=StorageConfig)
    outputs: OutputsConfig = field(default_factory=OutputsConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    source: Path | None = None


_LEAST = {
    "worker.lease_s": 1,
    "worker.max_attempts": 1,
    "worker.poll_s": 0.1,
    "outputs.parallel_uploads": 1,
    "outputs.settle_s": 0,
    "outputs.retry_first_s": 0,
    "engine.start_limit_s": 1,
    "engine.export_limit_s": 1,
    "engine.hang_limit_s": 1,
    "engine.standin_max_pixels": 1,
}


def default_config_path() -> Path:
    """`$OPENJD_VS_CONFIG`, else `config.toml` in the user's configuration directory."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    base = os.environ.get("APPDATA") if os.name == "nt" else os.environ.get("XDG_CONFIG_HOME")
    return Path(base or "~/.config").expanduser() / "openjd-vstitcher" / "config.toml"


def load_config(path: Path | None = None) -> Config:
    """Read the configuration file, or give the defaults when none is named and the usual one is not there.

    Relative paths in the file are relative to the file.

    Raises
    ------
    ConfigError: the file cannot be read, is no TOML, or has an unknown key or a value of the wrong type.
    """
    file = path or default_config_path()
    if path is None and CONFIG_VARIABLE not in os.environ and not file.exists():
        return _table(Config, {}, "", Path.cwd())
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is no valid TOML: {error}") from error
    if "source" in data:
        raise ConfigError(f"{file}: source: unknown key")
    try:
        config = _table(Config, data, "", file.resolve().parent)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    for name, least in _LEAST.items():
        table, _, key = name.partition(".")
        if getattr(getattr(config, table), key) < least:
            raise ConfigError(f"{file}: {name}: expected at least {least}")
    return dataclasses.replace(config, source=file.resolve())


def _table(cls: type[_T], data: Any, where: str, base: Path) -> _T:
    if not isinstance(data, dict):
        raise ConfigError(f"{where}: expected a table, found {_kind(data)}")
    hints = get_type_hints(cls)
    known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]  # cls is one of our dataclasses
    prefix = f"{where}." if where else ""
    for key in data:
        if key not in known:
            raise ConfigError(f"{prefix}{key}: unknown key; known here: {', '.join(sorted(known))}")
    values: dict[str, Any] = {}
    for name, declared in known.items():
        if name in data:
            values[name] = _value(hints[name], data[name], prefix + name, base)
        elif hints[name] is Path and isinstance(declared.default, Path):
            values[name] = declared.default.expanduser()
        elif dataclasses.is_dataclass(hints[name]):
            values[name] = _table(hints[name], {}, prefix + name, base)
    return cls(**values)


def _value(hint: Any, value: Any, where: str, base: Path) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _table(hint, value, where, base)
    if origin in (typing.Union, types.UnionType):
        inner = [arg for arg in args if arg is not type(None)]
        return _value(inner[0], value, where, base)
    if origin in (list, tuple):
        if not isinstance(value, list):
            raise ConfigError(f"{where}: expected a list, found {_kind(value)}")
        items = [_value(args[0], item, f"{where}[{i}]", base) for i, item in enumerate(value)]
        return tuple(items) if origin is tuple else items
    if origin is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: expected a table, found {_kind(value)}")
        return {key: _value(args[1], item, f"{where}.{key}", base) for key, item in value.items()}
    if hint is Path:
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{where}: expected a path, found {_kind(value)}")
        return base / Path(value).expanduser()
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{where}: expected {_name(hint)}, found {_kind(value)}")
    return value


def _name(hint: Any) -> str:
    return {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}[hint]


def _kind(value: Any) -> str:
    return {
        str: f"the string {value!r}",
        bool: str(value).lower(),
        dict: "a table",
        list: "a list",
    }.get(type(value), f"{value!r}")
