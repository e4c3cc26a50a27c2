from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from django.core.management import call_command
from django.test import override_settings

from django_twocheckout import sync
from django_twocheckout.models import Account, Notification, utc_now

STATUS = "/admin/twocheckout/customer/status/"

pytestmark = pytest.mark.django_db


def page(client, address=STATUS):
    return unescape(client.get(address).content.decode())


def test_status(admin_client, twocheckout):
    assert "None has come yet: is the address entered at 2Checkout?" in page(admin_client)
    assert "/2checkout/ipn/, /2checkout/lcn/" in page(admin_client)
    twocheckout.notify("LCN", "601952421")
    twocheckout.notify("LCN", "601952421", wrong_signature=True)
    text = " ".join(page(admin_client).split())
    assert "is the address entered" not in text
    assert "<dt>Last genuine one</dt>" in text
    assert "<dt>Forged in the last day</dt><dd>1</dd>" in text
    assert "<dt>Waiting for the sweep</dt><dd>1</dd>" in text
    sync.sweep()
    Notification.objects.update(received_at=utc_now() - timedelta(days=8))
    Account.objects.update(notified_at=utc_now() - timedelta(days=8))
    text = page(admin_client)
    assert "None since" in text
    assert ": is the address entered at 2Checkout?" in text


@override_settings(ROOT_URLCONF="tests.admin.without_addresses")
def test_status__of_a_project_without_our_urls(admin_client):
    assert "Notifications of 2Checkout" not in page(admin_client)


def test_history(admin_client, pushed, twocheckout):
    address = f"/admin/twocheckout/customer/{pushed.pk}/history/"
    assert "Notifications of 2Checkout" not in page(admin_client, address)
    twocheckout.notify("LCN", pushed)
    twocheckout.notify("IPN", "someone else")
    assert "Subscription (LCN)" in page(admin_client, address)
    assert "Waits for the sweep" in page(admin_client, address)
    assert "Order (IPN)" not in page(admin_client, address)
    sync.sweep()
    assert "Asked for a re-fetch" in page(admin_client, address)


def test_command(twocheckout, capsys):
    call_command("twocheckout_status")
    assert "Last notification (default): never. Forged in the last day: 0." in capsys.readouterr().out
    twocheckout.notify("LCN", "1", wrong_signature=True)
    call_command("twocheckout_status", "--json")
    assert '"forged": 1' in capsys.readouterr().out
