"""How a worker ends in the middle of its work."""

from __future__ import annotations


class Killed(BaseException):
    """As by a signal: no ``except Exception`` of the app stops it."""
