"""The merchant code of the acknowledgements: noted once, compared before anything is sent, confirmed by a person."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from django_twocheckout import sync
from django_twocheckout.engine import circuit_breaker
from django_twocheckout.exceptions import AnotherMerchantCode, RateLimited
from django_twocheckout.models import Account, Customer
from django_twocheckout.testing import FakeTwoCheckout

from ..customers import ADA, GRACE, change

STATUS = "/admin/twocheckout/customer/status/"


@pytest.fixture
def other(pushed, configure):
    """The vendor of another code, which the settings have after the first acknowledgement."""
    with FakeTwoCheckout("OTHERCODE", "other-key").serve() as vendor:
        configure(MERCHANT_CODE="OTHERCODE", SECRET_KEY="other-key", BASE_URL=vendor.url)
        yield vendor


def code():
    return Account.objects.values_list("merchant_code", flat=True).first()


@pytest.mark.parametrize("act", [sync.push, lambda customer: sync.push_pending()])
def test_noted_with_the_first_acknowledgement(ada, twocheckout, act):
    act(ada)
    assert code() == twocheckout.merchant_code


def test_noted_with_the_first_customer_added(twocheckout, db):
    sync.add(twocheckout.add_customer(**GRACE))
    assert code() == twocheckout.merchant_code


@pytest.mark.parametrize("fault", ["401", "503"])
def test_not_noted_without_an_acknowledgement(ada, twocheckout, fault):
    """Who mends a wrong code is not asked to confirm it."""
    with twocheckout.outage(fault):
        sync.push(ada)
        sync.push_pending()
    assert not code()


def test_noted_once(ada, twocheckout, monkeypatch):
    noted = []
    monkeypatch.setattr(type(Account.objects), "note_code", lambda manager, *place: noted.append(place))
    sync.push(ada)
    assert noted == [("default", "default")]
    Account.objects.update_or_create(alias="default", defaults={"merchant_code": twocheckout.merchant_code})
    for city in ("Turin", "Rome"):
        change(ada, city=city)
        sync.push_pending()
    assert len(noted) == 1


def test_a_copy_sends_nothing_until_it_is_confirmed(pushed, other, twocheckout):
    change(pushed, city="Turin")
    Customer.objects.create(**ADA)
    for _ in range(2):
        assert sync.push_pending().tried == 0
        with pytest.raises(AnotherMerchantCode):
            sync.push(pushed)
    assert sync.push_each([pushed.pk]).tried == 0
    assert (other.requests, twocheckout.requests) == ([], [])
    pushed.refresh_from_db()
    assert (pushed.sync_state, pushed.lease_expires_at, pushed.failed_attempts) == ("pending", None, 0)
    status = sync.status()
    assert (status.to_confirm, "another merchant code" in status.pause_reason) == (["default"], True)
    for wrong in ({}, {"confirm": "YOURCODE123"}, {"account": "default"}, {"account": "default", "confirm": "x"}):
        with pytest.raises(AnotherMerchantCode):
            sync.resume(**wrong)
    assert sync.resume(confirm="OTHERCODE") is True
    assert sync.status().to_confirm == []
    assert sync.push_pending().tried == 2
    assert len(other.customers) == 1


def test_the_code_set_back_is_not_asked_about(pushed, other, twocheckout, configure):
    configure(MERCHANT_CODE=twocheckout.merchant_code, SECRET_KEY=twocheckout.secret_key, BASE_URL=twocheckout.url)
    change(pushed, city="Turin")
    assert sync.push_pending().pushed == 1
    assert sync.resume() is False


def test_an_ordinary_pause_needs_no_confirmation(pushed):
    circuit_breaker.trip("default", "default", RateLimited(retry_after=300))
    assert sync.resume() is True
    assert code() == "YOURCODE123"


def test_no_value_in_words(other, pushed, caplog):
    sync.push_pending()
    with pytest.raises(AnotherMerchantCode) as refusal:
        sync.push(pushed)
    said = [*caplog.messages, refusal.value.words, str(refusal.value)]
    assert not [text for text in said if "YOURCODE123" in text or "OTHERCODE" in text]


@pytest.mark.parametrize("command", ["twocheckout_push", "twocheckout_push --all", "twocheckout_pull --all"])
def test_commands_say_how_to_confirm(other, pushed, command):
    change(pushed, city="Turin")
    with pytest.raises(CommandError, match="--resume --confirm CODE"):
        call_command(*command.split())
    out = io.StringIO()
    with pytest.raises(CommandError, match="A person must confirm the merchant code"):
        call_command("twocheckout_status", stdout=out)
    assert "--resume --confirm CODE" in out.getvalue()
    with pytest.raises(CommandError, match="another merchant code"):
        call_command("twocheckout_status", "--resume")
    call_command("twocheckout_status", "--resume", "--confirm", "OTHERCODE", "--json", stdout=(out := io.StringIO()))
    assert json.loads(out.getvalue())["to_confirm"] == []


def test_confirm_goes_with_resume(db):
    with pytest.raises(CommandError, match="goes with --resume"):
        call_command("twocheckout_status", "--confirm", "OTHERCODE")


def test_the_admin_asks_for_the_code(other, pushed, admin_client):
    for page in (STATUS, "/admin/twocheckout/customer/", f"/admin/twocheckout/customer/{pushed.pk}/change/"):
        assert "under another merchant code" in admin_client.get(page).content.decode()
    for confirm in ({}, {"confirm": "YOURCODE123"}):
        admin_client.post(f"{STATUS}resume/", {"account": "default", **confirm})
        assert sync.status().to_confirm == ["default"]
    answer = admin_client.post(f"{STATUS}resume/", {"account": "default", "confirm": "OTHERCODE"}, follow=True)
    assert "The account is resumed." in answer.content.decode()
    assert sync.status().to_confirm == []


def test_the_admin_says_it_after_push_now(other, pushed, admin_client):
    answer = admin_client.post(f"/admin/twocheckout/customer/{pushed.pk}/push/", follow=True)
    assert "acknowledged under another merchant code" in answer.content.decode()
    assert other.requests == []
