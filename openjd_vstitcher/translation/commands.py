"""What the actions of a template run, and whether a worker allows it (Law 8)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from ..errors import InvalidInput, Problem

_ENGINE = {"--connection-file", "--output-dir"}
_EXPORT = {"--run-data", "--colorway", "--garment-snapshot", "--frame", "--frames"}
_OPTIONS: Mapping[tuple[str, ...], Collection[str]] = {
    ("openjd-vs", "stage"): {"--into", "--garment", "--manifest", "--job-id", "--output-dir", "--job-data"},
    ("openjd-vs", "teardown"): (),
    ("openjd-vs", "pack"): {"--run-data", "--output-dir", "--frames"},
    ("openjd-vs", "run-handler"): {"--run-data", "--output-dir", "--job"},
    ("openjd-vs", "run-script"): {"--run-data", "--output-dir"},
    ("vstitcher-openjd", "daemon", "start"): {*_ENGINE, "--job", "--engine"},
    ("vstitcher-openjd", "daemon", "run"): {*_ENGINE, *_EXPORT},
    ("vstitcher-openjd", "daemon", "stop"): {"--connection-file"},
}
"""What a template from the queue may call of our commands, and with which options."""
_OURS = {words[0] for words in _OPTIONS}
_INTERPRETERS = ("bash", "cmd", "node", "powershell", "python")
"""Fields that the extension FEATURE_BUNDLE_1 has instead of a script with actions."""
_FORBIDDEN = {
    **dict.fromkeys(_INTERPRETERS, "runs a script"),
    **dict.fromkeys(("onWrapEnvEnter", "onWrapEnvExit", "onWrapTaskRun"), "wraps the actions of others"),
    "variables": "sets environment variables",
}


def check_commands(data: Mapping[str, Any], allowed: Collection[str], source: str) -> None:
    """Refuse a template from the queue that runs anything but the allowed commands (Law 8).

    Of our own commands only the calls that templates need are allowed. Environment variables, scripts without actions,
    wrapped actions and embedded files that can be executed are refused.

    Raises
    ------
    InvalidInput: with each place of what is not allowed.
    """
    problems = [*_forbidden_fields(data, ""), *_forbidden_calls(data, allowed)]
    if problems:
        raise InvalidInput(source, problems)


def is_ours(command: object) -> bool:
    """Whether a command is one of ours, with whatever directory and suffix it is written."""
    return isinstance(command, str) and PurePath(command).stem in _OURS


def _forbidden_calls(data: Any, allowed: Collection[str]) -> Iterator[Problem]:
    for pointer, action in actions(data):
        command, given = action.get("command"), action.get("args")
        arguments = given if isinstance(given, list) else []
        if command not in allowed:
            listed = ", ".join(sorted(allowed))
            yield Problem(f"{pointer}/command", f"runs {command!r}; this worker allows only {listed}")
        elif command in _OURS and (problem := _bad_call([command, *arguments])):
            yield Problem(f"{pointer}/args", f"{problem}, which a job may not")


def _bad_call(words: Sequence[Any]) -> str:
    """What is not allowed of a call of one of our commands, "" if all is."""
    call = next((call for call in _OPTIONS if tuple(words[: len(call)]) == call), None)
    if call is None:
        return f"calls {' '.join(str(word) for word in words[:2])}"
    rest = iter([str(word) for word in words[len(call) :]])
    for word in rest:
        if word in _OPTIONS[call]:
            next(rest, None)
        elif word.startswith("-") or ("{{" in word and "{{Session.WorkingDirectory}}" not in word):
            return f"calls {' '.join(call)} with {word!r}"
    return ""


def _forbidden_fields(node: Any, pointer: str) -> Iterator[Problem]:
    if isinstance(node, dict):
        for key, value in node.items():
            place = f"{pointer}/{key}"
            if key in _FORBIDDEN:
                yield Problem(place, f"{_FORBIDDEN[key]}, which a job may not")
            elif key == "runnable" and value:
                yield Problem(place, "makes a file that can be executed, which a job may not")
            else:
                yield from _forbidden_fields(value, place)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _forbidden_fields(value, f"{pointer}/{index}")


def actions(node: Any, pointer: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each action of a template, with its place. What is not a template is looked through too."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "actions" and isinstance(value, dict):
                for name, action in value.items():
                    yield f"{pointer}/actions/{name}", action if isinstance(action, dict) else {}
            else:
                yield from actions(value, f"{pointer}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from actions(value, f"{pointer}/{index}")
