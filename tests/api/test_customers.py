"""Reading, adding and changing customers: through the model's save, strictly, and nothing of 2Checkout's own."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DataError, IntegrityError, OperationalError, connection
from django.db.models.signals import post_init, pre_save

from django_twocheckout import sync
from django_twocheckout.api.serializers import WRITABLE
from django_twocheckout.exceptions import AccountIsFixed
from django_twocheckout.models import Customer

from ..customers import ADA
from .addresses import LIST, at

ONLY_READ = [field.name for field in Customer._meta.concrete_fields if field.name not in {*WRITABLE, "account"}]


def patch(api, customer, **values):
    return api.patch(at(customer), values, format="json")


def post(api, **values):
    return api.post(LIST, {**ADA, **values}, format="json")


@pytest.fixture
def receiver():
    """Connects a receiver of the model's signal until the test ends."""
    connected = []

    def connect(signal, function):
        signal.connect(function, sender=Customer, weak=False)
        connected.append((signal, function))

    yield connect
    for signal, function in connected:
        signal.disconnect(function, sender=Customer)


def test_retrieve(with_cards, api):
    sync.pull(with_cards)
    answer = api.get(at(with_cards))
    found = answer.json()
    assert answer.status_code == 200
    assert {name: found[name] for name in ADA} == ADA
    assert (found["id"], found["sync_state"], found["presence"]) == (with_cards.pk, "synced", "there")
    assert found["customer_reference"] == with_cards.customer_reference
    assert found["existing_cards"][0] == {"type": "Visa", "last_digits": "1111", "expiry": "12/2029"}
    engine = {"acknowledged", "shown", "written", "in_doubt", "lease", "lease_expires_at", "untried", "next_attempt_at"}
    assert engine.isdisjoint(found)
    assert "no-store" in answer.headers["Cache-Control"]


def test_retrieve__a_row_with_an_unusual_code_is_answered_as_it_is(api, db):
    row = Customer.objects.create(**{**ADA, "country_code": "XX", "language": "zh-hant"})
    found = api.get(at(row)).json()
    assert (found["country_code"], found["language"]) == ("XX", "zh-hant")


@pytest.mark.parametrize("key", ["0", "999999", "9" * 30, "-1", "0.5", "abc", "%00", "1%00", "%ED%A0%80", "٣"])
def test_retrieve__no_such_customer(ada, api, key):
    answer = api.get(f"{LIST}{key}/")
    assert (answer.status_code, list(answer.json())) == (404, ["detail"])


@pytest.mark.django_db(transaction=True)
def test_create(api, twocheckout, sent):
    answer = post(api, country_code="gb", first_name="  Ada ")
    made = Customer.objects.get()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"http://testserver{at(made)}"
    assert (answer.json()["id"], answer.json()["country_code"], made.first_name) == (made.pk, "GB", "Ada")
    assert answer.json()["external_customer_reference"].startswith("dj-")
    assert (made.sync_state, made.untried) == ("pending", True)
    assert [message.args for message in sent] == [(made.pk,)]
    sync.push_pending()
    assert twocheckout.customers[0]["FirstName"] == "Ada"


def test_create__with_a_reference_of_ones_own(api):
    assert post(api, external_customer_reference="shop-7").status_code == 201
    answer = post(api, external_customer_reference="shop-7")
    assert (answer.status_code, list(answer.json())) == (400, ["external_customer_reference"])
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"email": ""}, ["email"]),
        ({"first_name": "  "}, ["first_name"]),
        ({"email": "nobody"}, ["email"]),
        ({"email": "ada\u200b@example.org"}, ["email"]),
        ({"country_code": "ZZ"}, ["country_code"]),
        ({"country_code": ""}, ["country_code"]),
        ({"language": "english"}, ["language"]),
        ({"external_customer_reference": "12345"}, ["external_customer_reference"]),
        ({"external_customer_reference": ""}, ["external_customer_reference"]),
        ({"external_customer_reference": None}, ["external_customer_reference"]),
        ({"fiscal_code": "GB123"}, ["company"]),
        ({"zip": "1" * 65}, ["zip"]),
        ({"zip": 12345}, ["zip"]),
        ({"city": True}, ["city"]),
        ({"city": ["London"]}, ["city"]),
        ({"city": None}, ["city"]),
        ({"citty": "London"}, ["citty"]),
        ({"account": "us"}, ["account"]),
        ({"sync_state": "synced", "enabled": True}, ["sync_state", "enabled"]),
    ],
)
def test_create__refused_in_words(api, values, fields):
    answer = post(api, **values)
    assert (answer.status_code, list(answer.json())) == (400, fields)
    assert all(isinstance(words, str) and words for some in answer.json().values() for words in some)
    assert not Customer.objects.exists()


def test_create__what_2checkout_requires(api):
    answer = api.post(LIST, {}, format="json")
    assert (answer.status_code, set(answer.json())) == (400, set(Customer.REQUIRED_FIELDS))


def test_create__in_an_account(api, configure):
    configure(ACCOUNTS={"us": {"MERCHANT_CODE": "US1", "SECRET_KEY": "key"}})
    assert post(api, account="us", external_customer_reference="shop-7").json()["account"] == "us"
    assert post(api, external_customer_reference="shop-7").status_code == 201  # unique in its account
    assert post(api, account="eu").json() == {"account": ["The settings have no such account."]}
    assert post(api, account="us", external_customer_reference="shop-7").status_code == 400


def test_create__without_a_default_account(api, configure):
    configure(MERCHANT_CODE="", ACCOUNTS={"us": {"MERCHANT_CODE": "US1", "SECRET_KEY": "key"}})
    assert post(api).json() == {"account": ["The settings have no such account."]}
    assert post(api, account="us").status_code == 201


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (IntegrityError(), 409),  # another one was faster
        (AccountIsFixed(), 409),
        (DataError("too long"), 400),
        (ValidationError("Not on a Sunday."), 400),
        (ValidationError({"city": "Not there."}), 400),
        (OperationalError(1205, "Lock wait timeout exceeded"), 503),
        (Customer.DoesNotExist(), 404),
        (PermissionDenied(), 403),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("method", ["post", "patch"])
def test_an_error_of_the_save(ada, api, receiver, error, status, method):
    """Of the database, or of what the project does in it: words, and nothing is written."""

    def fail(sender, **kwargs):
        raise error

    receiver(pre_save, fail)
    before = list(Customer.objects.values())
    answer = post(api) if method == "post" else patch(api, ada, city="Paris")
    assert answer.status_code == status
    assert answer.json()
    assert answer.headers.get("Retry-After") == ("2" if status == 503 else None)
    assert list(Customer.objects.values()) == before


def test_a_mistake_of_the_project_is_not_hidden(ada, api, receiver):
    def fail(sender, **kwargs):
        raise ZeroDivisionError

    receiver(pre_save, fail)
    with pytest.raises(ZeroDivisionError):
        post(api)


@pytest.mark.django_db(transaction=True)
def test_change(pushed, api, twocheckout, sent):
    answer = patch(api, pushed, city="Paris")
    assert (answer.status_code, answer.json()["city"], answer.json()["sync_state"]) == (200, "Paris", "pending")
    assert [message.args for message in sent][-1] == (pushed.pk,)
    assert twocheckout.requests == []
    sync.push_pending()
    assert twocheckout.customers[0]["City"] == "Paris"


def test_change__of_nothing(pushed, api):
    assert patch(api, pushed).json()["sync_state"] == "synced"
    assert patch(api, pushed, city=ADA["city"]).json()["sync_state"] == "synced"


def test_change__writes_what_was_named_and_nothing_else(ada, api, receiver):
    """What a colleague saved while the request was under way stays."""

    def edit(sender, instance, **kwargs):
        Customer.objects.filter(pk=ada.pk).update(phone="123")

    receiver(pre_save, edit)
    assert patch(api, ada, city="Paris").status_code == 200
    ada.refresh_from_db()
    assert (ada.city, ada.phone) == ("Paris", "123")


def test_change__revives_a_failed_customer(ada, api):
    Customer.objects.update_unmarked(sync_state="failed", sync_error="No.", failed_attempts=3)
    answer = patch(api, ada, city="Paris").json()
    assert (answer["sync_state"], answer["sync_error"], answer["failed_attempts"]) == ("pending", "", 0)


@pytest.mark.parametrize("name", ONLY_READ)
def test_change__what_is_only_read(pushed, api, name):
    before = Customer.objects.values().get()
    answer = patch(api, pushed, city="Paris", **{name: None})
    assert (answer.status_code, list(answer.json())) == (400, [name])
    assert Customer.objects.values().get() == before


def test_change__an_incomplete_customer(api, db):
    """2Checkout itself may have left a required field blank. That stops no change of another one."""
    row = Customer.objects.create(**{**ADA, "zip": ""})
    assert patch(api, row, city="Paris").status_code == 200
    assert patch(api, row, zip="").status_code == 400


def test_change__keeps_a_code_that_is_none(api, db):
    row = Customer.objects.create(**{**ADA, "language": "english"})
    assert patch(api, row, city="Paris", language="english").status_code == 200


def test_change__no_other_account(ada, api, configure):
    configure(ACCOUNTS={"us": {"MERCHANT_CODE": "US1", "SECRET_KEY": "key"}})
    assert patch(api, ada, account="us").json() == {"account": ["A customer cannot move to another account."]}
    assert patch(api, ada, account="default", city="Paris").status_code == 200


def test_change__deleted_in_the_same_moment(ada, api, receiver):
    def delete(sender, instance, **kwargs):
        with connection.cursor() as cursor:  # no instance is made, so the signal is not sent again
            cursor.execute("DELETE FROM twocheckout_customer")

    receiver(post_init, delete)

    assert patch(api, ada, city="Paris").status_code == 404


def test_no_deletion_and_no_put__with_the_reason(ada, api):
    answer = api.delete(at(ada))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, PATCH, HEAD, OPTIONS")
    assert answer.json()["detail"].startswith("A customer cannot be deleted: 2Checkout has no request for it")
    answer = api.put(at(ada), ADA, format="json")
    assert answer.status_code == 405
    assert answer.json()["detail"].startswith("Send what is to be changed by PATCH.")
    assert api.delete(LIST).json() == {"detail": 'Method "DELETE" not allowed.'}
    assert Customer.objects.exists()


def test_an_excluded_field_is_neither_answered_nor_taken(pushed, api, configure, twocheckout):
    configure(EXCLUDE_FIELDS=("phone", "existing_cards"))
    answered = api.get(at(pushed)).json()
    assert {"phone", "existing_cards"}.isdisjoint(answered)
    assert answered["email"] == pushed.email
    for name in ("phone", "existing_cards"):
        refused = patch(api, pushed, **{name: "1"})
        assert refused.json() == {name: ["This site does not exchange this field with 2Checkout."]}
    assert post(api, phone="1", email="other@example.org").status_code == 400
    assert "phone" not in {one["field"] for one in api.get(at(pushed, "compare")).json()}
    configure(EXCLUDE_FIELDS=())
    assert patch(api, pushed, phone="1").json()["phone"] == "1"
