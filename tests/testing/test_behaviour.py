from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from http.client import HTTPException

import pytest
import time_machine

from django_twocheckout.testing import FakeTwoCheckout

from .plain_client import GOOD, ask, create, head, send_raw


def test_put_merges_if_so_switched(vendor):
    vendor.behaviour.put = "merge"
    create(vendor, Phone="555")
    assert ask(vendor, "PUT", "customers/601952421/", {"City": "Bath"}) == (200, True)
    assert (vendor.customers[0]["City"], vendor.customers[0]["Phone"]) == ("Bath", "555")


@pytest.mark.parametrize(
    ("switch", "value", "answer"),
    [
        ("create_answer", "text", "601952421"),
        ("create_answer", "object", {"CustomerReference": "601952421"}),
    ],
)
def test_create_answers(vendor, switch, value, answer):
    vendor.behaviour.set(**{switch: value})
    assert create(vendor) == (200, answer)


def test_echo_switches(vendor):
    create(vendor)
    vendor.edit("dj-1", ExternalCustomerReference=None)
    vendor.behaviour.set(reference_name="both", reference_as_number=True, country_as_sent=True, blank_echo="absent")
    customer = ask(vendor, "GET", "customers/601952421/")[1]
    assert customer["CustomerReference"] == customer["AvangateCustomerReference"] == 601952421
    assert (customer["CountryCode"], customer["ExternalCustomerReference"]) == ("GB", None)
    assert "Fax" not in customer
    vendor.behaviour.set(update_answer="object", body_of_another="ignore")
    assert ask(vendor, "PUT", "customers/601952421/", {**GOOD, "CustomerReference": "7"})[1]["City"] == "London"


def test_rate_limit(vendor):
    vendor.behaviour.rate_limit = 2
    assert [ask(vendor, "GET", "customers/1/")[0] for _ in range(3)] == [404, 404, 429]


def test_control_panel(vendor):
    reference = vendor.add_customer(FirstName="Ada")
    vendor.forget(reference)
    assert vendor.customer(reference) is None
    with pytest.raises(LookupError):
        vendor.edit(reference, City="Bath")
    with pytest.raises(ValueError, match=r"No such switch: puts\. There are: accept_md5.*Did you mean put\?"):
        FakeTwoCheckout(puts="merge")
    assert "SECRET_KEY" not in repr(vendor)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("put", "merg", "The switch put cannot be 'merg'. It takes 'replace' or 'merge'."),
        ("sign_on", "yes", "It takes True or False."),
        ("unknown_customer_status", "404", "It takes a whole number."),
        ("unknown_customer_status", True, "It takes a whole number."),
        ("rate_limit", 0.5, "It takes a whole number or None."),
        ("replica_delay", "1", "It takes a number."),
        ("replica_delay", False, "It takes a number."),
        ("retry_after", 7, "It takes a text or None."),
        ("refused_fiscal_codes", "INVALID", "It takes several texts."),
        ("echo", 20, "It takes a text or a function or None."),
        ("echo", "htm", "No such echo: htm. There are: cut:NUMBER, html, lower, upper. Did you mean html?"),
        ("echo", "cut:few", "No such echo"),
    ],
)
def test_switches__wrong_values(vendor, name, value, words):
    before = getattr(vendor.behaviour, name)
    with pytest.raises(ValueError, match=re.escape(words)):
        vendor.behaviour.set(accept_md5=True, **{name: value})
    with pytest.raises(ValueError, match=re.escape(words)):
        setattr(vendor.behaviour, name, value)
    assert (getattr(vendor.behaviour, name), vendor.behaviour.accept_md5) == (before, False)


def test_switches__wrong_names(vendor):
    with pytest.raises(ValueError, match="No such switch: puts"):
        vendor.behaviour.puts = "merge"


def test_wrong_names_and_customers(vendor):
    reference = vendor.add_customer(FirstName="Ada")
    for call in (vendor.edit, lambda reference, **fields: vendor.add_customer(**fields)):
        with pytest.raises(ValueError, match=r"No such field: first_name. Did you mean FirstName\?"):
            call(reference, first_name="Ada")
    for name in ("CustomerReference", "ExistingCards"):
        with pytest.raises(ValueError, match=f"{name} cannot be edited"):
            vendor.edit(reference, **{name: "7"})
    vendor.edit(reference, ANewField="of 2Checkout's")
    for call in (vendor.edit, vendor.forget, vendor.add_card, vendor.cards):
        with pytest.raises(LookupError, match="no such customer"):
            call("nobody")
    with pytest.raises(ValueError, match="are texts"):
        vendor.add_card(reference, last_digits=1111)
    with pytest.raises(OverflowError), vendor.serve(70_000):
        pass


# What 2Checkout may do, and does not promise to leave.


def test_duplicates__may_be_allowed(vendor):
    vendor.behaviour.duplicate_external_reference = "allow"
    assert [create(vendor), create(vendor)] == [(200, 601952421), (200, 601952422)]
    assert ask(vendor, "GET", "customers/dj-1/")[1]["CustomerReference"] == "601952421"
    vendor.behaviour.set(duplicate_external_reference="refuse", duplicate_reference_status=409)
    assert create(vendor)[0] == 409
    assert ask(vendor, "PUT", "customers/601952422/", GOOD)[0] == 409


@pytest.mark.parametrize(
    ("echo", "first_name", "address"),
    [
        ("html", "Ada &amp; Co", "12 St James Square"),
        ("upper", "ADA & CO", "12 ST JAMES SQUARE"),
        ("lower", "ada & co", "12 st james square"),
        ("cut:5", "Ada &", "12 St"),
        (lambda name, text: f"{name}:{text}", "FirstName:Ada & Co", "Address1:12 St James Square"),
    ],
)
def test_echo__of_texts(vendor, echo, first_name, address):
    create(vendor, FirstName="Ada & Co", Language="en")
    vendor.behaviour.set(echo=echo, update_answer="object")
    for shown in (ask(vendor, "GET", "customers/dj-1/")[1], ask(vendor, "PUT", "customers/601952421/", GOOD)[1]):
        assert shown["Address1"] == address
        assert (shown["ExternalCustomerReference"], shown["CountryCode"], shown["Fax"]) == ("dj-1", "gb", "")
    assert vendor.customers[0]["FirstName"] == "Ada"
    create(vendor, ExternalCustomerReference="dj-2", FirstName="Ada & Co")
    assert ask(vendor, "GET", "customers/dj-2/")[1]["FirstName"] == first_name


def test_echo__that_fails_is_reported(vendor, capsys):
    create(vendor)
    vendor.behaviour.echo = lambda name, text: text[None]
    with pytest.raises((OSError, HTTPException)):
        ask(vendor, "GET", "customers/dj-1/")
    assert "TypeError" in capsys.readouterr().err


def test_replica__lags_behind(vendor):
    now = datetime.now(UTC)

    def seen(seconds):
        with time_machine.travel(now + timedelta(seconds=seconds), tick=False):
            status, customer = ask(vendor, "GET", "customers/dj-1/")
        return status, customer.get("City"), len(customer.get("ExistingCards", []))

    vendor.behaviour.set(replica_delay=10, allowed_skew=None)
    with time_machine.travel(now, tick=False):
        create(vendor)
    with time_machine.travel(now + timedelta(seconds=20), tick=False):
        assert ask(vendor, "PUT", "customers/601952421/", {**GOOD, "City": "Bath"}) == (200, True)
        vendor.add_card("dj-1")
    assert seen(9) == (404, None, 0)
    assert seen(29) == (200, "London", 0)
    assert seen(31) == (200, "Bath", 1)
    vendor.behaviour.replica_delay = 0
    assert seen(20) == (200, "Bath", 1)


@pytest.mark.parametrize(
    ("kind", "answer", "city"),
    [
        ("true", True, "Bath"),
        ("empty", {}, "Bath"),
        ("false", False, "London"),
        ("ok_false", {"ok": False}, "London"),
        ("error", {"error_code": "SIM_NOT_UPDATED", "message": "The customer was not updated"}, "London"),
    ],
)
def test_update__answers(vendor, kind, answer, city):
    create(vendor)
    vendor.behaviour.update_answer = kind
    assert ask(vendor, "PUT", "customers/601952421/", {**GOOD, "City": "Bath"}) == (200, answer)
    assert vendor.customers[0]["City"] == city


def test_update__answers_with_a_customer(vendor):
    create(vendor)
    vendor.behaviour.update_answer = "object"
    assert ask(vendor, "PUT", "customers/601952421/", GOOD)[1]["CustomerReference"] == "601952421"
    vendor.behaviour.update_answer = "other_customer"
    assert ask(vendor, "PUT", "customers/601952421/", GOOD)[1]["CustomerReference"] == "1"
    create(vendor, ExternalCustomerReference="dj-2")
    assert ask(vendor, "PUT", "customers/601952421/", GOOD)[1]["ExternalCustomerReference"] == "dj-2"


@pytest.mark.parametrize(
    ("kind", "status", "raw"),
    [
        ("documented", 200, b'{"Deleted": true}'),
        ("204", 204, b""),
        ("empty_object", 200, b"{}"),
        ("empty_body", 200, b""),
    ],
)
def test_deleting_a_card__answers(vendor, kind, status, raw):
    create(vendor)
    vendor.add_card("dj-1")
    ask(vendor, "GET", "customers/dj-1/?includePaymentData=true")
    vendor.behaviour.delete_card_answer = kind
    path = f"customers/dj-1/credit-card/{vendor.issued_tokens[-1]}"
    answer = send_raw(vendor, head("DELETE", path), head("GET", "elsewhere/")).partition(b"HTTP/1.1 404")[0]
    first, _, body = answer.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 %d " % status)
    assert (body, b"Content-Length" in first) == (raw, status == 200)
    assert vendor.cards("dj-1") == []


def test_tombstones(vendor):
    create(vendor)
    vendor.forget("dj-1")
    assert ask(vendor, "GET", "customers/601952421/")[0] == 404
    vendor.behaviour.tombstones = True
    tombstone = (200, {"CustomerReference": "601952421", "Deleted": True})
    for method, reference in (("GET", "601952421"), ("GET", "dj-1"), ("PUT", "601952421")):
        assert ask(vendor, method, f"customers/{reference}/", GOOD) == tombstone
    assert ask(vendor, "GET", "customers/601952422/")[0] == 404
    assert (vendor.customers, create(vendor)) == ([], (200, 601952422))
    assert ask(vendor, "GET", "customers/dj-1/")[1]["CustomerReference"] == "601952422"


def test_cards__on_request_only(vendor):
    create(vendor)
    vendor.add_card("dj-1")
    vendor.behaviour.cards_only_on_request = True
    assert "ExistingCards" not in ask(vendor, "GET", "customers/dj-1/")[1]
    assert len(ask(vendor, "GET", "customers/dj-1/?includePaymentData=true")[1]["ExistingCards"]) == 1
