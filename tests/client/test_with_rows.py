"""What the client's limits and failures mean for rows and settings."""

from __future__ import annotations

import traceback

import pytest

from django_twocheckout import sync
from django_twocheckout.conf import ConfigurationError
from django_twocheckout.engine import circuit_breaker, claims
from django_twocheckout.engine.clients import current_client
from django_twocheckout.models import Account, Customer
from django_twocheckout.testing import Fault
from tests.customers import ADA
from tests.raw_server import serving

from .servers import answering


def test_lease__outlives_the_longest_exchange(settings):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "TIMEOUT": (7, 50)}

    assert claims.request_seconds() == 57
    assert claims.lease_seconds() > claims.START_SECONDS + 4 * 57


@pytest.mark.django_db
@pytest.mark.parametrize("bundle", ["nowhere", "wrong"])
def test_certificates__cost_no_row_its_tries(monkeypatch, settings, certificate, wrong, bundle):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", wrong if bundle == "wrong" else "/nowhere/ca.pem")
    customers = [Customer.objects.create(**ADA) for _ in range(3)]

    with serving(answering, certificate) as server:
        settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "BASE_URL": server.url, "CONCURRENCY": 1, "MAX_ATTEMPTS": 2}
        sweep = sync.push_pending()
        for _ in range(3):
            sync.push(customers[0])
    account = Account.objects.get()

    assert (sweep.failed, sweep.wait) == (0, circuit_breaker.FIRST_OPEN_SECONDS)
    assert (account.error_code, account.reason) == (
        "NoSecureConnection",
        "This machine cannot make a secure connection to 2Checkout.",
    )
    assert set(Customer.objects.values_list("sync_state", "failed_attempts")) == {("pending", 0)}
    current_client("default").close()


@pytest.mark.parametrize(
    "body",
    ["{}", '{"ok": false}', '{"Error": "E", "code": 1, "message": "No."}', '{"CustomerReference": "2"}', "[]", "1.0"],
)
@pytest.mark.parametrize("commit", [False, True])
def test_update__in_doubt_is_looked_up_and_done(ada, twocheckout, body, commit):
    sync.push(ada)
    ada.city = "Paris"
    ada.save()
    twocheckout.fail(Fault(200, body, commit=commit), method="PUT")

    sync.push(ada)
    assert (ada.sync_state, ada.error_code) == ("pending", "UnreadableAnswer")
    assert [doubt["city"] for doubt in ada.in_doubt] == ["Paris"]
    twocheckout.edit(ada.customer_reference, Phone="555")

    sync.push(ada)
    assert (ada.sync_state, ada.in_doubt, ada.city, ada.phone) == ("synced", [], "Paris", "555")
    there = twocheckout.customer(ada.customer_reference)
    assert (there["City"], there["Phone"]) == ("Paris", "555")


def variables(error):
    """What a report of this error would show."""
    shown = []
    while error is not None:
        for frame, _line in traceback.walk_tb(error.__traceback__):
            if "django_twocheckout" in frame.f_code.co_filename:
                shown.append(repr(frame.f_locals))
        error = error.__cause__ or error.__context__
    return shown


WRONG = [
    {"HASH_ALGORITHM": "md5"},
    {"HASH_ALGORITHM": ["sha256"]},
    {"TIMEOUT": 0},
    {"TIMEOUT": "5"},
    {"TIMEOUT": {}},
    {"BASE_URL": "http://example.org/"},
    {"BASE_URL": None},
    {"MERCHANT_CODE": "MÜNCHEN"},
    {"SECRET_KEY": "key-not-to-be-shown "},
]


@pytest.mark.parametrize("wrong_setting", WRONG, ids=repr)
def test_secret_key__is_in_no_report_of_a_wrong_setting(settings, wrong_setting):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, "SECRET_KEY": "key-not-to-be-shown", **wrong_setting}

    with pytest.raises(ConfigurationError) as caught:
        current_client("default")
    shown = variables(caught.value)
    assert shown
    assert "key-not-to-be-shown" not in "".join(shown)


def test_secret_key__is_in_no_report_of_a_missing_setting(settings):
    settings.TWOCHECKOUT = {"SECRET_KEY": "key-not-to-be-shown"}

    with pytest.raises(ConfigurationError) as caught:
        current_client("default")
    assert "key-not-to-be-shown" not in "".join(variables(caught.value))
