"""What asks 2Checkout while a person waits: each end is a proper answer, with words and when to try again."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.conf import settings as project
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.models import Account, Customer, Source, Verb
from django_twocheckout.testing import FAULTS, FakeTwoCheckout, Fault

from ..customers import ADA, change, claim_of
from ..vendor_log import methods
from .addresses import LIST, LIVE, STATUS, at, name_of

each_live = pytest.mark.parametrize("route", LIVE, ids=name_of)
reads = pytest.mark.parametrize("route", [one for one in LIVE if one.action != "push"], ids=name_of)


def ask(api, customer, route):
    return getattr(api, route.method)(at(customer, route.action), route.body, format="json" if route.body else None)


def post(api, customer, action, **values):
    return api.post(at(customer, action), values, format="json")


# What succeeds.


def test_push(ada, api, twocheckout):
    answer = post(api, ada, "push")
    assert (answer.status_code, answer.json()["sync_state"]) == (200, "synced")
    assert answer.json()["customer_reference"] == twocheckout.customers[0]["CustomerReference"]
    attempt = ada.attempts.get()
    assert (attempt.verb, attempt.source, attempt.user) == (Verb.PUSH, Source.USER, str(User.objects.get().pk))


def test_push__while_a_worker_has_it(pushed, api, twocheckout):
    change(pushed, city="Paris")
    Customer.objects.update_unmarked(sync_error="No answer came.", error_code="ConnectionFailed")  # of an earlier push
    claim_of(pushed)
    answer = post(api, pushed, "push")
    assert (answer.status_code, answer.json()["sync_state"], methods(twocheckout)) == (202, "pending", [])


def test_pull(pushed, api, twocheckout):
    twocheckout.edit(pushed.customer_reference, City="Ockham")
    answer = post(api, pushed, "pull")
    assert (answer.status_code, answer.json()["city"]) == (200, "Ockham")
    assert pushed.attempts.filter(verb=Verb.PULL).get().user == str(User.objects.get().pk)


def test_compare(pushed, api, twocheckout):
    twocheckout.edit(pushed.customer_reference, City="Ockham")
    change(pushed, phone="123")
    answer = api.get(at(pushed, "compare"))
    assert answer.status_code == 200
    assert [found for found in answer.json() if found["changed"]] == [
        {
            "field": "city",
            "changed": "there",
            "ours": "London",
            "acknowledged": "London",
            "theirs": "Ockham",
            "shown": None,
        },
        {"field": "phone", "changed": "here", "ours": "123", "acknowledged": "", "theirs": "", "shown": None},
    ]
    pushed.refresh_from_db()
    assert pushed.city == "London"


def test_subscriptions(pushed, api, twocheckout):
    reference = twocheckout.add_subscription(
        pushed.customer_reference, purchased=1e9, product="Yearly plan", expires="2027-02-03"
    )
    assert api.get(at(pushed, "subscriptions")).json() == [
        {
            "reference": reference,
            "product": "Yearly plan",
            "status": "enabled",
            "renewal_date": "2027-02-03",
            "renews": True,
        }
    ]


# What fails.


@each_live
@pytest.mark.parametrize("fault", [name for name in FAULTS if "hang" not in name])
def test_a_vendor_in_trouble(pushed, api, twocheckout, route, fault):
    """Each fault has words, and a time to try again where waiting helps. None is a mistake of ours."""
    change(pushed, city="Paris")
    with twocheckout.outage(fault):
        answer = ask(api, pushed, route)
    found = answer.json()
    status = answer.status_code
    if status == 200:  # after a fault that comes with the deed done, or for a row that needs no request
        assert "after-commit" in fault
        return
    assert status in (409, 502, 503), found
    assert set(found) == {"detail", "code"}
    assert found["detail"]
    assert found["code"]
    assert "no-store" in answer.headers["Cache-Control"]
    if status == 503:
        assert int(answer.headers["Retry-After"]) > 0
    pushed.refresh_from_db()
    assert pushed.lease_expires_at is None


@reads
@pytest.mark.parametrize(
    ("fault", "status", "code", "wait"),
    [
        ("500", 502, "SIM_FAULT", 30),
        ("503", 502, "SIM_MAINTENANCE", 30),
        ("429-retry-after", 503, "RateLimited", 7),
        ("401", 502, "AUTHENTICATION_ERROR", None),
        ("reset", 503, "ConnectionFailed", 30),
        ("not-json", 502, "UnreadableAnswer", None),
        (Fault(409, '{"error_code": "SIM_NO", "message": "Not now"}'), 409, "SIM_NO", None),
    ],
)
def test_the_answer_to_each_kind(pushed, api, twocheckout, route, fault, status, code, wait):
    with twocheckout.outage(fault):
        answer = ask(api, pushed, route)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    found = answer.headers.get("Retry-After")
    # A failure of the account may have paused it meanwhile, and then its own time counts.
    assert found == (None if wait is None else str(wait)) or Account.objects.get().open_until


def test_push__refused(ada, api, twocheckout):
    with twocheckout.outage(Fault(400, '{"error_code": "INVALID_ZIP", "message": "The zip code is invalid"}')):
        answer = post(api, ada, "push")
    assert (answer.status_code, answer.json()) == (
        409,
        {"detail": "The zip code is invalid (INVALID_ZIP)", "code": "INVALID_ZIP"},
    )


def test_push__incomplete(api, twocheckout):
    row = Customer.objects.create(**{**ADA, "zip": ""})
    answer = post(api, row, "push")
    assert (answer.status_code, answer.json()["code"], methods(twocheckout)) == (409, "NotSent", [])
    assert "Zip is required" in answer.json()["detail"]


def test_push__no_answer(ada, api, twocheckout):
    with twocheckout.outage("reset"):
        answer = post(api, ada, "push")
    assert (answer.status_code, answer.json()["code"]) == (503, "ConnectionFailed")
    assert 1 <= int(answer.headers["Retry-After"]) <= 80


@each_live
def test_gone(pushed, api, twocheckout, route):
    twocheckout.add_customer(ExternalCustomerReference="other", FirstName="Grace")
    sync.push(Customer.objects.create(**ADA))
    twocheckout.forget(pushed.customer_reference)
    change(pushed, city="Paris")
    assert post(api, pushed, "pull").status_code == 410
    answer = ask(api, pushed, route)
    if route.action == "subscriptions":  # a search, which finds none
        assert answer.json() == []
    else:
        assert (answer.status_code, set(answer.json())) == (410, {"detail", "code"})
    assert api.get(at(pushed)).json()["presence"] == "gone"


@reads
def test_not_at_2checkout_yet(ada, api, twocheckout, route):
    answer = ask(api, ada, route)
    assert (answer.status_code, answer.json()["code"]) == (409, "NotFound")
    assert set(methods(twocheckout)) <= {"GET"}


def test_busy(pushed, api, twocheckout):
    claim_of(pushed)
    answer = post(api, pushed, "pull")
    assert (answer.status_code, answer.json()["code"], methods(twocheckout)) == (503, "CustomerBusy", [])
    assert answer.headers["Retry-After"] == "2"


@each_live
def test_paused(pushed, api, twocheckout, route):
    """No web worker waits for a vendor that does not answer anybody."""
    until = timezone.now() + timedelta(seconds=90)
    Account.objects.update(opened_at=timezone.now(), open_until=until, reason="No answer came.", error_code="Silent")
    answer = ask(api, pushed, route)
    assert (answer.status_code, answer.json()) == (503, {"detail": "No answer came.", "code": "Silent"})
    assert 80 <= int(answer.headers["Retry-After"]) <= 90
    assert methods(twocheckout) == []
    assert api.get(STATUS).json()["paused_now"]
    assert api.patch(at(pushed), {"city": "Paris"}, format="json").status_code == 200


@each_live
def test_sending_is_off(pushed, api, twocheckout, route, configure):
    configure(ENABLED=False)
    change(pushed, city="Turin")
    answer = ask(api, pushed, route)
    assert (answer.status_code, answer.json()["code"]) == (503, "SendingDisabled")
    assert "ENABLED" in answer.json()["detail"]
    assert methods(twocheckout) == []
    assert not api.get(STATUS).json()["enabled"]
    assert api.post(LIST, ADA, format="json").status_code == 201


@each_live
def test_another_merchant_code(pushed, api, configure, route):
    change(pushed, city="Turin")
    with FakeTwoCheckout("OTHERCODE", "other-key").serve() as vendor:
        configure(MERCHANT_CODE="OTHERCODE", SECRET_KEY="other-key", BASE_URL=vendor.url)
        answer = ask(api, pushed, route)
    assert (answer.status_code, answer.json()["code"], methods(vendor)) == (503, "AnotherMerchantCode", [])
    assert api.get(STATUS).json()["to_confirm"] == ["default"]


@each_live
@pytest.mark.parametrize("wrong", [{"SECRET_KEY": ""}, {"BASE_URL": "ftp://x"}, {"TIMEOUT": "soon"}, {"ACCOUNTS": 1}])
def test_wrong_settings(pushed, api, twocheckout, configure, route, wrong, caplog):
    change(pushed, city="Turin")
    configure(**wrong)
    answer = ask(api, pushed, route)
    assert (answer.status_code, answer.json()) == (
        503,
        {"detail": "This site's settings for 2Checkout are missing or wrong.", "code": "ConfigurationError"},
    )
    assert next(iter(wrong)) in caplog.text


def one_transaction(get_response):
    def middleware(request):
        with transaction.atomic():
            return get_response(request)

    return middleware


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", ["push", "pull"])
def test_a_middleware_s_transaction(pushed, api, twocheckout, settings, action):
    settings.MIDDLEWARE = [*project.MIDDLEWARE, f"{__name__}.one_transaction"]
    answer = post(api, pushed, action)
    assert (answer.status_code, answer.json()["code"], methods(twocheckout)) == (503, "InTransaction", [])


@pytest.mark.django_db(transaction=True)
@each_live
def test_atomic_requests(pushed, api, settings, route):
    """2Checkout is asked outside the transaction of ATOMIC_REQUESTS."""
    from django.db import connection  # as the setting is read

    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        assert ask(api, pushed, route).status_code == 200
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


def test_a_mistake_of_ours_is_no_500(pushed, api, monkeypatch):
    from django_twocheckout.wire import remote  # broken on purpose

    monkeypatch.setattr(remote.SERIALIZER, "run_validation", lambda data: 1 / 0)
    answer = post(api, pushed, "pull")
    assert (answer.status_code, answer.json()["code"]) == (502, "TwoCheckoutError")
    assert threading.active_count() < 50


@each_live
def test_no_secret_in_any_answer(with_cards, api, twocheckout, route):
    answer = ask(api, with_cards, route)
    texts = answer.content.decode() + str(answer.headers)
    assert twocheckout.secret_key not in texts
    assert twocheckout.merchant_code not in texts
    if route.action != "account-link":
        assert not any(token in texts for token in twocheckout.issued_tokens)
