"""What a raw server does with its visits, where several of these modules need it."""

from __future__ import annotations

from tests.raw_server import answer

from .data import CUSTOMER


def answering(visit):
    while visit.request():
        visit.send(answer(CUSTOMER))
