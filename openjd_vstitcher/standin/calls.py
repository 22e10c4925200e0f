"""Turns Python functions into `BwApi` calls: registers them, checks arguments, sets error codes. Knows no garments."""

from __future__ import annotations

import threading
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Any, NewType, TypeVar, get_origin, get_type_hints

from .codes import ApiError, Code
from .host import Host

_F = TypeVar("_F", bound=Callable[..., Any])

NewId = NewType("NewId", int)
"""The id of an object that the call created; -1 if the call failed."""


CALLS: dict[str, Callable[..., Any]] = {}
"""Implementations by `key_of` their name; filled by `call` when the modules of `api/` are imported."""

_ANY_THREAD = {
    "UpdateSessionFunctionRequest_v2",
    "GetLastError",
    "Version",
    "IdentifierGet",
    "HostApplicationGet",
}
_FAILED: dict[Any, Any] = {str: "", int: 0, float: 0.0, NewId: -1}


def key_of(name: str) -> str:
    """The key of a call, the same for `RenderImageEx` and `render_image_ex`."""
    return name.replace("_", "").lower()


def call(function: _F) -> _F:
    """Register `function(host, …)` as the implementation of the call of the same name."""
    CALLS[key_of(function.__name__)] = function
    return function


def bind(host: Host, name: str, parameters: list[str]) -> Callable[..., Any]:
    """Create the function `BwApi.<name>` for a host, with the documented parameter names."""
    implementation = CALLS[key_of(name)]
    hints = get_type_hints(implementation)
    types = [hints[p] for p in list(signature(implementation).parameters)[1:]]
    if len(types) != len(parameters):
        raise AssertionError(f"{name} takes {parameters}, but its implementation takes {len(types)} arguments")
    documented = Signature([Parameter(p, Parameter.POSITIONAL_OR_KEYWORD) for p in parameters])
    failed = _FAILED.get(hints["return"], [])

    def bound(*args: Any, **kwargs: Any) -> Any:
        try:
            given = list(documented.bind(*args, **kwargs).arguments.values())
        except TypeError as error:
            raise TypeError(f"{name}(): {error}") from None
        for parameter, value, expected in zip(parameters, given, types, strict=True):
            if not _fits(value, expected):
                raise TypeError(f"{name}(): {parameter} must be {_name_of(expected)}, not {type(value).__name__}")
        if name == "GetLastError":
            return implementation(host)
        try:
            _check_thread(name)
            host.misbehaviour.at_call(name)
            result = implementation(host, *given)
        except (ApiError, ImportError) as error:
            host.last_error = error.code if isinstance(error, ApiError) else Code.NOT_SUPPORTED
            hint = "" if isinstance(error, ApiError) else "pip install 'openjd-vstitcher[standin]': "
            host.log(f"{name}: error {int(host.last_error)}: {hint}{error}")
            return list(failed) if isinstance(failed, list) else failed
        host.last_error = Code.SUCCESS
        return result

    bound.__name__ = bound.__qualname__ = name
    bound.__doc__ = implementation.__doc__
    bound.__signature__ = documented  # type: ignore[attr-defined]  # read by inspect.signature
    return bound


def _check_thread(name: str) -> None:
    if name not in _ANY_THREAD and threading.current_thread() is not threading.main_thread():
        raise ApiError(Code.WRONG_THREAD, "called from a thread other than the main thread")


def _name_of(expected: Any) -> str:
    return expected.__name__ if isinstance(expected, type) else str(expected)


def _fits(value: Any, expected: Any) -> bool:
    if expected is Any:
        return True
    if expected is bool:
        return isinstance(value, int)
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if expected is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if get_origin(expected) is list:
        return isinstance(value, list | tuple)
    return isinstance(value, expected)
