"""The statements that a mirror adds to the project's own writes."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_twocheckout.mirrors import refresh
from django_twocheckout.models import MirrorMark

from ..shop.models import Buyer, Login
from .people import COMPLETE

SAVE = 1


@pytest.fixture
def loaded(buyer):
    user = Login.objects.create(email="ada@example.org")
    buyer.user = user
    buyer.save()
    return Buyer.objects.get()


def statements(act):
    with CaptureQueriesContext(connection) as queries:
        act()
    return len(queries)


def test_unchanged(loaded, django_assert_num_queries):
    loaded.visits += 1
    assert statements(loaded.save) == SAVE + 1


def test_changed(loaded):
    loaded.city = "Paris"
    assert statements(loaded.save) == SAVE + 2
    assert loaded.customer.city == "Paris"


def test_new(db):
    assert statements(Buyer(**COMPLETE).save) == SAVE + 3


@pytest.mark.django_db(transaction=True)
def test_in_the_projects_transaction(sent):
    buyer = Buyer.objects.create(**COMPLETE)
    buyer.city = "Paris"
    with transaction.atomic():
        assert statements(buyer.save) == SAVE + 2


@pytest.mark.parametrize("count", [1, 10_000])
def test_bulk_create(db, count):
    buyers = [Buyer(**COMPLETE) for _ in range(count)]
    plain = statements(lambda: super(type(Buyer.objects.all()).__mro__[1], Buyer.objects.all()).bulk_create(buyers))
    Buyer.objects.all().delete()
    buyers = [Buyer(**COMPLETE) for _ in range(count)]
    assert statements(lambda: Buyer.objects.bulk_create(buyers)) - plain == max(count // 1000, 1)
    assert MirrorMark.objects.count() == count


def test_update_and_refresh(db):
    Buyer.objects.bulk_create([Buyer(**COMPLETE) for _ in range(3000)])
    MirrorMark.objects.all().delete()
    assert statements(lambda: Buyer.objects.update(city="Paris")) == 2
    assert MirrorMark.objects.count() == 3000
    assert statements(lambda: refresh(Buyer.objects.filter(city="Paris"))) == 1
    assert MirrorMark.objects.count() == 6000


def test_bulk_update(db):
    buyers = Buyer.objects.bulk_create([Buyer(**COMPLETE) for _ in range(1000)])
    MirrorMark.objects.all().delete()
    plain = statements(lambda: Buyer._base_manager.all().bulk_update(buyers, ["city"]))
    assert statements(lambda: Buyer.objects.bulk_update(buyers, ["city"])) == plain + 1
    assert MirrorMark.objects.count() == 1000
