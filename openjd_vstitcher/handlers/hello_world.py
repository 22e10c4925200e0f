"""The handler `hello_world`: says hello after a while. It tries out a queue, a worker and their display."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from . import Heartbeat


class HelloWorld:
    """Says hello after some seconds, and reports its progress each second."""

    parameters: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 200, "default": "World"},
            "processing_time": {
                "type": "number",
                "minimum": 0,
                "maximum": 300,
                "default": 5,
                "description": "How long it takes, in seconds.",
            },
        },
        "additionalProperties": False,
    }
    outputs: ClassVar[dict[str, str]] = {}
    timeout_s = 360

    def execute(self, input_params: dict[str, Any], heartbeat_callback: Heartbeat) -> dict[str, Any]:
        """Wait for `processing_time` seconds and greet `name`."""
        total_s = input_params["processing_time"]
        began = time.monotonic()
        while (passed_s := time.monotonic() - began) < total_s:
            heartbeat_callback(
                progress_current=passed_s,
                progress_total=total_s,
                console_output=f"working for {passed_s:.0f} of {total_s:g} s",
            )
            time.sleep(min(1.0, total_s - passed_s))
        greeting = f"Hello, {input_params['name']}!"
        return {"message": greeting, "processing_time": total_s, "console_output": greeting}
