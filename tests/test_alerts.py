"""The how-to of alerts, run as it stands: the page's own code is what is tested here."""

from __future__ import annotations

import importlib
import shlex
import sys
from datetime import timedelta

import django
import pytest
from django.core.management import CommandError, call_command, load_command_class
from django.utils import timezone

from django_twocheckout import signals, sync
from django_twocheckout.engine import circuit_breaker
from django_twocheckout.exceptions import RateLimited
from django_twocheckout.models import Account, Customer

from .customers import ADA
from .recipes import blocks, written

PAGE = "how-to/alerts.md"
SIGNALS = (signals.account_paused, signals.account_resumed, signals.customer_push_failed)


@pytest.fixture
def shop(tmp_path, monkeypatch, settings):
    """A project that did what the page says. Its module of alerts is loaded, as by its app."""
    settings.ADMINS = ["ops@example.org"] if django.VERSION >= (6, 0) else [("Ops", "ops@example.org")]
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": tmp_path / "cache"}
    }
    monkeypatch.syspath_prepend(tmp_path)
    before = [list(signal.receivers) for signal in SIGNALS]
    written(PAGE, tmp_path)
    for folder in ("shop", "shop/management", "shop/management/commands"):
        (tmp_path / folder / "__init__.py").touch()
    importlib.invalidate_caches()
    yield importlib.import_module("shop.apps").ShopConfig("shop", importlib.import_module("shop")).ready()
    for signal, receivers in zip(SIGNALS, before, strict=True):
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


@pytest.fixture
def alert(shop):
    """Runs the page's command, as cron does."""
    return lambda: call_command(load_command_class("shop", "alert"))


def mails(mailoutbox):
    return [mail.body for mail in mailoutbox]


@pytest.mark.usefixtures("shop", "db")
def test_a_pause_and_its_end(mailoutbox, twocheckout):
    circuit_breaker.trip("default", "default", RateLimited())
    circuit_breaker.trip("default", "default", RateLimited())
    [mail] = mails(mailoutbox)
    assert mail.startswith("The account 'default' is paused until ")
    assert mail.endswith(": 2Checkout asks us to slow down.")
    sync.resume()
    assert mails(mailoutbox)[1:] == ["The account 'default' goes on."]


@pytest.mark.usefixtures("shop", "db")
def test_slack(settings, httpserver):
    httpserver.expect_oneshot_request(
        "/services/T0/B0/x", method="POST", json={"text": "2Checkout: The account 'default' goes on."}
    ).respond_with_data("ok")
    settings.SLACK_WEBHOOK = httpserver.url_for("/services/T0/B0/x")
    signals.account_resumed.send_robust(sender=Account, account="default", using="default")
    httpserver.check()
    assert len(httpserver.log) == 1


@pytest.mark.usefixtures("shop", "db")
def test_failures_rise__said_once_in_an_hour(mailoutbox, twocheckout):
    Customer.objects.bulk_create([Customer(**{**ADA, "zip": ""}) for _ in range(21)])
    with twocheckout.outage("503"):
        sync.push(Customer.objects.create(**ADA))  # this one is tried again by itself
    for number, customer in enumerate(Customer.objects.filter(zip=""), start=1):
        sync.push(customer)
        assert len(mailoutbox) == (number >= 20)
    assert "20 customers have failed within this hour." in mails(mailoutbox)[0]
    assert "Lovelace" not in mails(mailoutbox)[0]


@pytest.mark.usefixtures("db")
def test_no_worker_was_seen(alert, mailoutbox, ada):
    alert()
    assert mails(mailoutbox) == []
    Customer.objects.update_unmarked(pending_since=timezone.now() - timedelta(minutes=30))
    alert()
    alert()
    assert mails(mailoutbox) == ["No worker was ever seen: is a worker running? Is beat or cron running?"]
    Customer.objects.update_unmarked(sync_state="synced")
    alert()
    alert()
    assert mails(mailoutbox)[1:] == ["All is well again."]


def of_cron(line):
    """The name and the arguments of the command in a line of cron."""
    words = shlex.split(line)
    return words[words.index("manage.py") + 1 :]


@pytest.mark.usefixtures("db")
def test_the_lines_of_cron(alert, ada, capfd):
    asked, own = (of_cron(line) for line in blocks(PAGE, "sh"))
    assert own == ["alert"]
    call_command(*asked)
    assert capfd.readouterr().out == ""
    Customer.objects.update_unmarked(pending_since=timezone.now() - timedelta(minutes=61))
    Account.objects.note_sweep("default", "default")
    with pytest.raises(CommandError, match="A customer has been pending for"):
        call_command(*asked)
    Customer.objects.bulk_create([Customer(**ADA) for _ in range(21)])
    Customer.objects.update_unmarked(sync_state="failed")
    with pytest.raises(CommandError, match=r"^22 customers failed\.$"):
        call_command(*asked)
