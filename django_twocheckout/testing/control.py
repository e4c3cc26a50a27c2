"""Lets another process steer the fake vendor: a few JSON addresses under ``/_control/``, beside the API.

``GET customers``, ``GET requests``; ``POST edit`` {"reference", "fields"}, ``POST card`` {"reference", …},
``POST fault`` {"fault", "times", "method"}, ``POST heal``, ``POST behaviour`` {switch: value},
``POST notify`` {"kind", "reference", "to"}.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .answers import Answer, json_answer

PATH = "/_control/"

#: By method and the rest of the path. The body's values are keyword arguments; what is returned is the answer.
Operations = Mapping[tuple[str, str], Callable[..., Any]]


def answer(operations: Operations, method: str, path: str, raw: bytes | None) -> Answer:
    """Answer a request to a control address: 404 for an unknown one, 400 with a message for wrong arguments."""
    operation = operations.get((method, path.removeprefix(PATH).strip("/")))
    if operation is None:
        return json_answer({"error": "no such control"}, 404)
    try:
        arguments = json.loads(raw) if raw else {}
        return json_answer(operation(**arguments))
    except (TypeError, ValueError, LookupError) as error:
        return json_answer({"error": str(error)}, 400)
