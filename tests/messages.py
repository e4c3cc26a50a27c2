"""What travels to the workers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone


@dataclass
class Message:
    """One message to a worker, as it was published."""

    task: str
    args: tuple
    kwargs: dict
    eta: str | None
    queue: str


def delays(messages: list[Message]) -> list[float | None]:
    """How long each message waits, in seconds; None for one that goes at once."""
    return [
        message.eta and round((datetime.fromisoformat(message.eta) - timezone.now()).total_seconds(), 1)
        for message in messages
    ]
