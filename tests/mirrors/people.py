"""Buyers for the tests."""

from __future__ import annotations

#: A complete buyer.
COMPLETE = {"name": "Ada Lovelace", "email": "ada@example.org", "city": "London"}
