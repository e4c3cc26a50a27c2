"""Notifications with the verdicts and the receipts of the vendor's own PHP code."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

_FILE = json.loads((Path(__file__).parent.parent / "notification_vectors.json").read_text())

KEY = _FILE["meta"]["key"]
VECTORS: list[dict[str, Any]] = _FILE["vectors"]
UNDISPUTED = [vector for vector in VECTORS if vector["verdict"] != "disputed"]
#: Those without a receipt lack fields that it needs.
GENUINE = [vector for vector in UNDISPUTED if vector["verdict"] == "genuine"]
FORGED = [vector for vector in UNDISPUTED if vector["verdict"] == "forged"]


def body_of(vector: dict[str, Any]) -> bytes:
    return base64.b64decode(vector["body_base64"])


def key_of(vector: dict[str, Any]) -> str:
    return vector.get("key", KEY)


def name_of(vector: dict[str, Any]) -> str:
    return vector["name"]
