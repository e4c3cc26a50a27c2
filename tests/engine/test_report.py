from __future__ import annotations

import logging

import pytest

from django_twocheckout import signals, sync
from django_twocheckout.exceptions import TwoCheckoutError

from ..customers import change


def test_logs__hold_no_personal_data_and_no_secret(ada, twocheckout, caplog):
    caplog.set_level(logging.DEBUG)
    twocheckout.fail("reset-after-commit")
    sync.push(ada)
    sync.push(ada)
    twocheckout.add_card(ada.customer_reference)
    change(ada, company="Engines", fiscal_code="INVALID")
    sync.push(ada)
    token = sync.cards(ada)[0].token
    sync.delete_card(ada, token)
    with pytest.raises(TwoCheckoutError):
        sync.delete_card(ada, "")
    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records if record.name == "twocheckout")
    assert "pushed" in logged
    for private in ("Ada", "Lovelace", "London", "ada@example.org", "SW1Y", "SECRET_KEY", token):
        assert private not in logged


def test_signals__a_listener_that_fails_harms_no_push(ada, twocheckout):
    def fail(sender, **facts):
        raise ZeroDivisionError

    signals.customer_pushed.connect(fail)
    try:
        assert sync.push(ada).sync_state == "synced"
    finally:
        signals.customer_pushed.disconnect(fail)
