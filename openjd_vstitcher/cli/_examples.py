"""Examples of every command, for its help and the manual. Commands that templates and the daemon call have one too."""

from __future__ import annotations

from collections.abc import Mapping

import click

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "render": (
        "render examples/presets/dxf_v0.json -p GarmentFile=examples/garments/tee.bw -o out",
        "render templates/techpack_v0.yaml -p GarmentFile=examples/garments/tee.bw --step turntable.zip",
    ),
    "translate": ("translate examples/presets/onboarding_v0.json -o onboarding.yaml",),
    "check": ("check examples/presets/onboarding_v0.json templates/onboarding_v0.yaml",),
    "summary": ("summary templates/techpack_v0.yaml",),
    "graph": ("graph templates/techpack_v0.yaml",),
    "diff": ("diff templates/dxf_v0.yaml templates/techpack_v0.yaml",),
    "explain": ("explain TURNTABLE",),
    "schema": ("schema preset",),
    "run-task": ("run-task examples/presets/dxf_v0.json",),
    "handlers list": ("handlers list",),
    "handlers run": ('handlers run hello_world -p "name=Ada"',),
    "handlers new": ("handlers new count_words",),
    "demo": ("demo", "demo -o /tmp/demo"),
    "daemon": ("daemon", "daemon --once --config openjd-vs.toml"),
    "serve": ("serve --port 8080",),
    "keys create": ("keys create dashboard --days 30",),
    "keys list": ("keys list",),
    "keys revoke": ("keys revoke 3f2a9c1e",),
    "submit": (
        "submit examples/presets/dxf_v0.json --garment examples/garments/tee.bw --wait",
        "submit onboarding_v0 --details examples/jobs/onboarding.json --priority 5",
    ),
    "jobs list": ("jobs list --status new", "jobs list -o job,status,details"),
    "jobs show": ("jobs show 3f2a9c1e",),
    "jobs assets": ("jobs assets 3f2a9c1e",),
    "jobs events": ("jobs events 3f2a9c1e --json",),
    "jobs logs": ("jobs logs 3f2a9c1e", "jobs logs 3f2a9c1e --attempt 1 --journal"),
    "jobs watch": ("jobs watch", "jobs watch 3f2a9c1e"),
    "jobs cancel": ("jobs cancel 3f2a9c1e",),
    "jobs retry": ("jobs retry 3f2a9c1e a0b1",),
    "jobs hold": ("jobs hold 3f2a9c1e",),
    "jobs release": ("jobs release 3f2a9c1e",),
    "presets list": ("presets list",),
    "presets show": ("presets show onboarding_v0",),
    "presets put": ("presets put examples/presets/onboarding_v0.json",),
    "outputs status": ("outputs status .",),
    "outputs resume": ("outputs resume .",),
    "outputs clean": ("outputs clean --dry-run",),
    "outputs discard": ("outputs discard .",),
    "garment inspect": ("garment inspect examples/garments/tee.bw",),
    "plugin install": ("plugin install",),
    "plugin uninstall": ("plugin uninstall",),
    "plugin status": ("plugin status",),
    "platform migrate": ("platform migrate --database-url postgresql://localhost/platform",),
    "platform status": ("platform status",),
    "config init": ("config init openjd-vs.toml",),
    "config show": ("config show",),
    "config validate": ("config validate openjd-vs.toml",),
    "config reference": ("config reference",),
    "service install": ("service install --user --print",),
    "service uninstall": ("service uninstall --user",),
    "service status": ("service status --user",),
    "service logs": ("service logs --user",),
    "doctor": ("doctor", "doctor --garment examples/garments/tee.bw"),
    "completion": ("completion bash",),
    "man": ("man",),
    "stage": ("stage --help",),
    "pack": ("pack --help",),
    "run-handler": ("run-handler --help",),
    "run-script": ("run-script --help",),
    "teardown": ("teardown --help",),
    "run-job": ("run-job .",),
    "finish-job": ("finish-job .",),
}
"""By the command's words: arguments that work in a checkout. `.` stands for the directory of a job."""


def add_examples(name: str, command: click.Command) -> None:
    """Put the examples of a command, and of those below it, at the end of their help."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            add_examples(f"{name} {below.name}", below)
    elif name in EXAMPLES and not command.epilog:
        lines = "\n".join(f"  openjd-vs {example}" for example in EXAMPLES[name])
        command.epilog = f"\b\nExample{'s' if len(EXAMPLES[name]) > 1 else ''}:\n{lines}"
