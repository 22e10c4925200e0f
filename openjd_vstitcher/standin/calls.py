"""Turns Python functions into `BwApi` calls: registers them, checks arguments and results, sets error codes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Any, TypeVar, get_origin, get_type_hints

from .codes import ApiError, Code
from .contract import Contract
from .host import Host

_F = TypeVar("_F", bound=Callable[..., Any])

CALLS: dict[str, Callable[..., Any]] = {}
"""Implementations by `key_of` their name; filled by `call` when the modules of `api/` are imported."""


def key_of(name: str) -> str:
    """The key of a call, the same for `RenderImageEx` and `render_image_ex`."""
    return name.replace("_", "").lower()


def call(function: _F) -> _F:
    """Register `function(host, …)` as the implementation of the call of the same name."""
    CALLS[key_of(function.__name__)] = function
    return function


def bind(host: Host, contract: Contract) -> Callable[..., Any]:
    """Create the function of `BwApi` for a host, with the documented parameter names and results."""
    name = contract.name
    implementation = CALLS[key_of(name)]
    hints = get_type_hints(implementation)
    types = [hints[p] for p in list(signature(implementation).parameters)[1:]]
    if len(types) != len(contract.parameters):
        raise AssertionError(f"{name} takes {contract.parameters}, but its implementation {len(types)} arguments")
    documented = Signature([Parameter(p, Parameter.POSITIONAL_OR_KEYWORD) for p in contract.parameters])

    def bound(*args: Any, **kwargs: Any) -> Any:
        try:
            given = list(documented.bind(*args, **kwargs).arguments.values())
        except TypeError as error:
            raise TypeError(f"{name}(): {error}") from None
        for parameter, value, expected in zip(contract.parameters, given, types, strict=True):
            if not _fits(value, expected):
                raise TypeError(f"{name}(): {parameter} must be {_name_of(expected)}, not {type(value).__name__}")
        if name == "GetLastError":
            return implementation(host)
        try:
            _check_thread(contract)
            host.misbehaviour.at_call(name)
            host.finish_drapes()
            result = implementation(host, *given)
        except (ApiError, ImportError) as error:
            code = error.code if isinstance(error, ApiError) else Code.NOT_SUPPORTED
            hint = "" if isinstance(error, ApiError) else "pip install 'openjd-vstitcher[standin]': "
            host.failed(name, code, f"{hint}{error}")
            return contract.failed
        contract.check(result)
        host.succeeded()
        return result

    bound.__name__ = bound.__qualname__ = name
    bound.__doc__ = implementation.__doc__
    bound.__signature__ = documented  # type: ignore[attr-defined]  # read by inspect.signature
    return bound


def _check_thread(contract: Contract) -> None:
    if not contract.any_thread and threading.current_thread() is not threading.main_thread():
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
