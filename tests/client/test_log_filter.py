"""No reference and no token in the log of urllib3."""

from __future__ import annotations

import logging

from django_twocheckout.client import TwoCheckoutClient
from tests import answers

from .data import CREDENTIALS


def test_logs__of_the_http_library_tell_no_sign_on_token(twocheckout, caplog):
    caplog.set_level(logging.DEBUG)
    client = TwoCheckoutClient(**CREDENTIALS, base_url=twocheckout.url)
    reference = twocheckout.add_customer(FirstName="Ada")
    assert client.retrieve_customer_by_sign_on(reference)["FirstName"] == "Ada"
    url = f"{client.base_url}customers/?ssotoken={answers.SIGN_ON_TOKEN}"
    logging.getLogger("urllib3.connection").warning("Failed to parse headers (url=%s): %s", url, "why")

    [token] = twocheckout.issued_tokens
    assert [line for line in caplog.messages if "/rest/6.0/customers/… HTTP/1.1" in line]
    assert not [line for line in caplog.messages if token in line or answers.SIGN_ON_TOKEN in line or reference in line]
    assert token not in repr(twocheckout.requests) + " ".join(map(str, twocheckout.requests))


def test_logs__of_the_http_library_tell_no_address(httpserver, local_client, caplog):
    caplog.set_level(logging.DEBUG)
    httpserver.expect_request("/rest/6.0/customers/ada@example.org/credit-card/t-secret").respond_with_json(
        {"Deleted": True}
    )
    local_client.delete_card("ada@example.org", "t-secret")
    url = f"{local_client.base_url}customers/ada%40example.org/credit-card/t-secret"
    logging.getLogger("urllib3.connection").warning("Failed to parse headers (url=%s): %s", url, "why")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("urllib3")]
    assert len(lines) >= 2
    assert "t-secret" not in "".join(lines)
    assert lines[-1].endswith("/rest/6.0/customers/…): why")
