from __future__ import annotations

from django_twocheckout.engine.clients import current_client


def test_settings_that_change_while_running(pushed, configure):
    before = current_client("default")
    assert current_client("default") is before
    configure(TIMEOUT=[1, 2])
    assert current_client("default") is not before
    assert current_client("default").timeout == (1, 2)
