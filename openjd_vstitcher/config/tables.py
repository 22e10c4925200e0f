"""The tables and keys of the configuration. It is read once per process, and by the engine bridge: imports stay light.

`keys` has the vocabulary of these declarations, `rules` what holds between keys. `file` reads and checks a file, `text`
writes one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .job_kinds import JobsConfig
from .keys import (
    ADDRESS,
    ARGUMENT,
    ARGUMENTS,
    EXPRESSION,
    HOST,
    NOT_EMPTY,
    PLAIN,
    READ_PREFIX,
    URL,
    USER,
    VARIABLE,
    Check,
    at_least,
    between,
    key,
    matching,
    one_of,
    table,
)
from .services import LogConfig, ServerConfig
from .storage import StorageConfig

CONFIG_VARIABLE = "OPENJD_VS_CONFIG"
"""The environment variable that names the configuration file, for the daemon and for what sessions run."""

ENGINE_KINDS = ("auto", "vs-cli", "vstitcher", "standin")
"""The engines that can be asked for; `auto` takes what the machine has."""

_DAY_S = 86_400
_CENTURY_DAYS = 36_500


@dataclass(frozen=True)
class WorkerConfig:
    """`[worker]`."""

    id: str = key("", "The worker's name in the queue; empty: the host name.", PLAIN)
    slots: int = key(1, "How many attempts run at the same time.", between(1, 64))
    job_types: tuple[str, ...] = key(
        ("DXA_EXPORT_BODY_BUNDLE", "DXA_EXPORT_ASSET_BUNDLE", "BRAND_ONBOARDING", "TEST"),
        "The job types that this worker claims.",
        NOT_EMPTY,
        each=PLAIN,
    )
    work_dir: Path = key(Path("~/.local/share/openjd-vstitcher/jobs"), "Where job directories are created.")
    min_free_bytes: int = key(
        1 << 30,
        "Claim nothing while the disk of work_dir has less free space than this. Staging stops at half of it.",
        at_least(0),
    )
    lease_s: float = key(
        120.0,
        "How long a claim is valid without a heartbeat; then another worker may take the job.",
        between(1, _DAY_S),
    )
    poll_s: float = key(30.0, "How long to wait for news of a job before asking the queue.", between(0.1, 3600))
    metrics_port: int = key(
        0, "The port of Prometheus metrics, at /metrics; 0: none. See docs/monitoring.md.", between(0, 65535)
    )
    metrics_address: str = key("127.0.0.1", "The address of that port. There is no login: keep it private.", PLAIN)
    allowed_commands: tuple[str, ...] = key(
        ("openjd-vs", "vstitcher-openjd"),
        "The only commands that a template from the queue may run.",
        NOT_EMPTY,
        each=PLAIN,
    )
    pass_environment: tuple[str, ...] = key(
        (),
        "More environment variables that jobs from the queue may see. A name that ends in * stands for all that begin "
        "like it. Variables that look like credentials are never passed on.",
        each=VARIABLE,
        example='["OCIO", "STUDIO_*"]',
    )
    session_user: str = key(
        "",
        "The user that runs the actions of jobs, so that they can read neither the worker's files nor other jobs. "
        "{slot} stands for the number of the slot. Empty: the worker's own user. See docs/security.md.",
        USER,
        example='"vsjob{slot}"',
    )
    session_group: str = key(
        "",
        "The group of only the worker's user and the session user, on POSIX. Empty: named like the user.",
        USER,
        example='"vsjob{slot}"',
    )
    session_password_file: Path | None = key(
        None,
        "Windows: the file with the session user's password; {slot} as above.",
        example='"C:/ProgramData/openjd-vs/session-user-password"',
    )


@dataclass(frozen=True)
class PlatformConfig:
    """`[platform]`."""

    kind: str = key("embedded", "A SQLite file on this machine, or a Hasura server.", one_of("embedded", "hasura"))
    path: Path = key(Path("~/.local/share/openjd-vstitcher/platform.sqlite"), "embedded: the database file.")
    endpoint: str = key("", "hasura: the GraphQL URL.", URL, example='"https://hasura.example.com/v1/graphql"')
    auth: str = key("admin-secret", "hasura: what the credential is.", one_of("admin-secret", "jwt"))
    credential_file: Path | None = key(
        None,
        "hasura: the file that holds the credential. It is read again when the credential expires or is refused.",
        example='"/etc/openjd-vs/token"',
    )
    credential_variable: str = key(
        "",
        "hasura: the environment variable that holds the credential, instead of a file.",
        matching(r"[^\s=\x00-\x1f\x7f]+", "the name of an environment variable"),
        example='"HASURA_TOKEN"',
    )
    credential_command: tuple[str, ...] = key(
        (),
        "hasura: the command that prints the credential, instead of a file. It runs again before a JWT expires.",
        each=ARGUMENT,
        example='["get-token", "--audience", "hasura"]',
    )
    role: str = key("", "hasura: the role to act in; empty: the credential's default role.", PLAIN)
    job_table: str = key(
        "platform.job",
        "hasura: the table of jobs; dxa.flow_node_run in some deployments.",
        matching(r"[A-Za-z_]\w*\.[A-Za-z_]\w*", "schema.table"),
    )
    poll_s: float = key(
        5.0,
        "hasura: how often to look for jobs when websockets are refused; with a subscription, six times slower.",
        between(0.1, 3600),
    )
    retry_limit_s: float = key(
        60.0, "hasura: how long to retry a request after temporary failures.", between(0, _DAY_S)
    )


@dataclass(frozen=True)
class InputsConfig:
    """`[inputs]`."""

    read_from: tuple[str, ...] = key(
        (),
        "URI prefixes that inputs may come from. Empty: any s3:// address for local storage, none for s3. "
        "Inputs over https always need a prefix here, and are redirected only to addresses that have one.",
        each=READ_PREFIX,
        example='["s3://body-files/", "s3://artworks/"]',
    )
    bodies_prefix: str = key(
        "s3://body-files/bodies/3d_body_files/",
        "Where the .bw file of a body_code and body_version is looked up.",
        ADDRESS,
    )
    cache_dir: Path = key(Path("~/.cache/openjd-vstitcher/inputs"), "Where downloaded inputs are kept for later jobs.")
    cache_bytes: int = key(20 << 30, "The size limit of the cache; 0: no cache.", at_least(0))
    max_bytes: int = key(4 << 30, "The largest that one input may be.", at_least(1))
    max_total_bytes: int = key(16 << 30, "The most that the inputs of a job may take together.", at_least(1))
    max_objects: int = key(1000, "How many files an artwork bundle may have.", between(1, 50_000))
    timeout_s: float = key(3600.0, "How long the download of one input may take, with retries.", between(1, _DAY_S))
    idle_timeout_s: float = key(60.0, "How long a download may stand still before it is tried again.", between(1, 3600))
    url_lifetime_s: int = key(
        43_200, "How long the pre-signed URLs of inputs are valid; S3 allows a week at most.", between(60, 7 * _DAY_S)
    )
    allow_private_hosts: tuple[str, ...] = key(
        (),
        "Hosts that inputs may be downloaded from although they are private or speak plain http.",
        each=HOST,
        example='["nas.studio.example:8080"]',
    )


@dataclass(frozen=True)
class OutputsConfig:
    """`[outputs]`."""

    parallel_uploads: int = key(
        8, "How many small outputs are uploaded at the same time, and as many large ones beside them.", between(1, 64)
    )
    settle_s: float = key(
        2.0, "How long size and time must be unchanged where the system reports no close of a file.", between(0, 3600)
    )
    watch: str = key(
        "auto",
        "How new outputs are noticed: file system events, or polling. auto polls on network drives.",
        one_of("auto", "events", "polling"),
    )
    finish_limit_s: float = key(
        14_400.0,
        "How long the end of a session waits for uploads; longer than outages usually last.",
        between(0, 7 * _DAY_S),
    )
    retry_first_s: float = key(
        1.0, "The pause before the first retry of an upload; it doubles each time.", between(0, 3600)
    )
    retry_longest_s: float = key(60.0, "The longest pause between retries.", between(0, _DAY_S))
    logs_prefix: str = key(
        "",
        "Where logs, journal and template of each attempt are stored, under job id and attempt; empty: nowhere.",
        ADDRESS,
        example='"s3://style-assets/exports/logs/"',
    )
    keep_done_days: float = key(
        1.0,
        "How long a job directory is kept when all of its outputs are safe, counted while the machine is on.",
        between(0, _CENTURY_DAYS),
    )
    keep_failed_days: float = key(
        14.0,
        "How long the directory of a failed job is kept. One with an output that is not delivered is kept until it is, "
        "or until you run openjd-vs outputs discard.",
        between(0, _CENTURY_DAYS),
    )
    keep_bytes: int = key(
        0,
        "The size limit of ended jobs: beyond it the oldest go early, safe ones first, and none with an output that is "
        "not delivered. 0: no limit.",
        at_least(0),
    )


@dataclass(frozen=True)
class PopupRule:
    """`[[engine.popup]]`."""

    title: str = key("", "Regular expression to find in the window's title.", EXPRESSION, example='"^Missing fonts$"')
    text: str = key("", "Regular expression to find in the window's text.", EXPRESSION, example='"(?i)licen[cs]e"')
    action: str = key("fail", "Press the button, or fail the export with the window's text.", one_of("press", "fail"))
    button: str = key("OK", "The button to press.", PLAIN)


@dataclass(frozen=True)
class EngineConfig:
    """`[engine]`."""

    kind: str = key(
        "auto", "The engine to start; a template's Engine parameter other than auto wins.", one_of(*ENGINE_KINDS)
    )
    command: dict[str, list[str]] = key(
        {},
        "The launch command of an engine kind. {script}, {plugin} and {python} are filled in.",
        each=ARGUMENTS,
        names=one_of(*ENGINE_KINDS[1:]),
        example='vs-cli = ["C:/Program Files/Browzwear/VStitcher/vs-cli.exe", "--run", "{script}"]',
    )
    start_limit_s: float = key(60.0, "How long an engine may take to start.", between(1, _DAY_S))
    export_limit_s: float = key(3600.0, "How long one export may take.", between(1, 7 * _DAY_S))
    standin_max_pixels: int = key(
        1_400_000,
        "The most pixels of a picture by the stand-in; larger ones are scaled down, and the journal says so.",
        between(1, 10**9),
        variable="OPENJD_VS_STANDIN_MAX_PIXELS",
    )
    hang_limit_s: float = key(
        300.0,
        "How long a working engine may use no CPU, write nothing and call nothing before it counts as hung.",
        between(1, _DAY_S),
    )
    idle_cpu_share: float = key(0.02, "The share of one CPU core below which an engine counts as idle.", between(0, 1))
    extra_exports: Path | None = key(
        None,
        "A directory of custom export and mutation modules, each with its <name>.schema.json.",
        example='"exports"',
    )
    unproven_mutations: str = key(
        "warn",
        "A change that reading back does not show, such as REMOVE_SYMMETRY, which no documented call makes: fail the "
        "export, or warn in the journal.",
        one_of("warn", "fail"),
    )
    drape_limit_s: float = key(
        120.0, "How long to wait for a sign that a simulation of the garment has ended.", between(0, _DAY_S)
    )
    keep_warm: bool = key(False, "Keep the engine for the next session on this machine.")
    keep_warm_jobs: int = key(20, "Restart a kept engine after this many sessions.", between(1, 1_000_000))
    keep_warm_minutes: float = key(240.0, "Restart a kept engine at this age.", between(0, 1_000_000))
    keep_warm_growth: float = key(
        2.0, "Restart a kept engine when its memory has grown by this factor since its first garment.", between(1, 1000)
    )
    popup: tuple[PopupRule, ...] = key(
        (),
        "Modal windows that are known, and what to do about them. The first rule that matches counts.",
        each=Check("a title, a text or both", lambda rule: bool(rule.title or rule.text)),
    )


@dataclass(frozen=True)
class Config:
    """The whole configuration.

    Parameters
    ----------
    source: the file that was read, None when there is none.
    """

    worker: WorkerConfig = table(WorkerConfig, "This machine, and what it may run.")
    platform: PlatformConfig = table(PlatformConfig, "The job queue and asset catalogue.")
    storage: StorageConfig = table(StorageConfig, "Where outputs go.")
    inputs: InputsConfig = table(InputsConfig, "Where inputs come from.")
    outputs: OutputsConfig = table(
        OutputsConfig, "How outputs get into storage, and how long job directories are kept."
    )
    engine: EngineConfig = table(EngineConfig, "How engines are started and watched.")
    jobs: JobsConfig = table(JobsConfig, "Jobs that run Python handlers or scripts.")
    log: LogConfig = table(LogConfig, "The daemon's own log. Each job has logs of its own in its directory.")
    server: ServerConfig = table(ServerConfig, "The HTTP API: `openjd-vs serve`.")
    source: Path | None = None

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The environment variables that hold credentials because a key says so, whatever they are named."""
        return tuple(filter(None, [self.platform.credential_variable]))


def default_config_path() -> Path:
    """`$OPENJD_VS_CONFIG`, else `config.toml` in the user's configuration directory."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named).expanduser()
    base = os.environ.get("APPDATA") if os.name == "nt" else os.environ.get("XDG_CONFIG_HOME")
    return Path(base or "~/.config").expanduser() / "openjd-vstitcher" / "config.toml"
