from __future__ import annotations

import pytest

from django_twocheckout import mirrors
from django_twocheckout.models import MirrorMark

from ..shop.models import Buyer, Guest
from .people import COMPLETE


@pytest.fixture
def buyer(db) -> Buyer:
    """A complete buyer, saved and mirrored."""
    return Buyer.objects.create(**COMPLETE)


@pytest.fixture
def guests_mirrored():
    @mirrors.register(Guest, link="customer")
    def fields(guest: Guest) -> mirrors.CustomerFields:
        return {"email": guest.email}

    yield
    mirrors.unregister(Guest)


@pytest.fixture
def marked():
    """The keys that are marked, each with its reason."""

    def read():
        return list(MirrorMark.objects.order_by("pk").values_list("object_key", "reason"))

    return read
