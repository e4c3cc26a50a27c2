"""The fake vendor, asked as any client would ask, without ours."""

from __future__ import annotations

import hmac
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import pytest

from django_twocheckout.testing import FAULTS, FakeTwoCheckout, Fault
from django_twocheckout.testing import __main__ as command

GOOD = {
    "ExternalCustomerReference": "dj-1",
    "FirstName": "Ada",
    "LastName": "Lovelace",
    "Address1": "12 St James Square",
    "City": "London",
    "Zip": "SW1Y 4JH",
    "CountryCode": "GB",
    "Email": "ada@example.org",
}


@pytest.fixture
def vendor():
    with FakeTwoCheckout().serve() as vendor:
        yield vendor


def signed(key="SECRET_KEY", code="YOURCODE123", algorithm="sha256", moment=None, quote='"', name=None):
    date = (moment or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M:%S")
    digest = hmac.new(key.encode(), f"{len(code)}{code}19{date}".encode(), algorithm).hexdigest()
    facts = {"code": code, "date": date, "hash": digest, "algo": name or algorithm}
    return " ".join(f"{fact}={quote}{value}{quote}" for fact, value in facts.items() if value != "none")


def ask(vendor, method, path, body=None, header=None, accept="application/json"):
    """The status and the answer; None for an answer that is no JSON."""
    parts = urlsplit(vendor.url)
    connection = HTTPConnection(parts.hostname, parts.port, timeout=5)
    headers = {"X-Avangate-Authentication": signed() if header is None else header, "Accept": accept}
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    if text is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path if path.startswith("/") else parts.path + path, text, headers)
        answer = connection.getresponse()
        raw = answer.read()
        try:
            return answer.status, json.loads(raw)
        except ValueError:
            return answer.status, None
    finally:
        connection.close()


def create(vendor, **changes):
    return ask(vendor, "POST", "customers/", {**GOOD, **changes})


# Signatures.


@pytest.mark.parametrize(
    "way", [{"algorithm": "sha256"}, {"algorithm": "sha3_256", "name": "sha3-256"}, {"quote": "'"}]
)
def test_signature__taken(vendor, way):
    assert ask(vendor, "GET", "customers/1/", header=signed(**way))[0] == 404


def test_signature__a_little_old(vendor):
    header = signed(moment=datetime.now(UTC) - timedelta(seconds=100))
    assert ask(vendor, "GET", "customers/1/", header=header)[0] == 404


@pytest.mark.parametrize(
    "header",
    [
        "",
        signed(key="WRONG"),
        signed(code="OTHER"),
        signed(algorithm="md5"),
        signed(algorithm="md5", name="none"),
        signed(algorithm="sha512"),
        signed(moment=datetime.now(UTC) - timedelta(hours=2)),
        signed().replace("date=", "dates="),
        "code=\"YOURCODE123\" date=\"now\" hash=\"{}\"".format(
            hmac.new(b"SECRET_KEY", b"11YOURCODE1233now", "sha256").hexdigest()
        ) + ' algo="sha256"',
    ],
)  # fmt: skip
def test_signature__refused(vendor, header):
    assert ask(vendor, "GET", "customers/1/", header=header) == (
        401,
        {"error_code": "AUTHENTICATION_ERROR", "message": "Authentication needed for this resource"},
    )


def test_signature__switches(vendor):
    vendor.behaviour.set(accept_md5=True, allowed_skew=None)
    old = datetime(2010, 5, 13, 12, 12, 12, tzinfo=UTC)
    assert ask(vendor, "GET", "customers/1/", header=signed(algorithm="md5", name="none", moment=old))[0] == 404


# The operations.


def test_a_customers_life(vendor):
    assert create(vendor, FiscalCode="1", Company="A") == (200, 601952421)
    status, customer = ask(vendor, "GET", "customers/dj-1/")
    assert (status, customer["CustomerReference"], customer["CountryCode"]) == (200, "601952421", "gb")
    assert (customer["ExistingCards"], customer["Enabled"], customer["Fax"]) == ([], False, "")
    assert ask(vendor, "PUT", "customers/601952421/", {**GOOD, "City": "Bath"}) == (200, True)
    assert ask(vendor, "GET", "customers/601952421/")[1]["City"] == "Bath"
    assert vendor.customers[0]["FiscalCode"] is None  # replaced, so what was left out is gone
    assert [str(request) for request in vendor.requests][-1] == "#4 GET /rest/6.0/customers/601952421/ -> 200"


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


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"FirstName": ""}, "SIM_MISSING_FIELD"),
        ({"FirstName": 5}, "SIM_INVALID_TYPE"),
        ({"CountryCode": "XX"}, "SIM_INVALID_COUNTRY"),
        ({"CountryCode": "GBR"}, "SIM_INVALID_COUNTRY"),
        ({"FiscalCode": "1"}, "SIM_COMPANY_REQUIRED"),
        ({"FiscalCode": "INVALID", "Company": "A"}, "SIM_INVALID_FISCAL_CODE"),
    ],
)
def test_invalid(vendor, change, code):
    status, answer = create(vendor, **change)
    assert (status, answer["error_code"]) == (400, code)
    assert vendor.customers == []


def test_duplicates_and_references(vendor):
    create(vendor)
    status, answer = create(vendor)
    assert (status, answer["message"][:34]) == (400, "The External ID you entered is use")
    assert create(vendor, ExternalCustomerReference="DJ-1")[0] == 200
    vendor.behaviour.external_case_sensitive = False
    assert create(vendor, ExternalCustomerReference="Dj-1")[0] == 400
    assert create(vendor, ExternalCustomerReference="601952421")[0] == 200
    assert ask(vendor, "GET", "customers/601952421/")[1]["ExternalCustomerReference"] == "dj-1"
    vendor.behaviour.ambiguous_reference = "external"
    assert ask(vendor, "GET", "customers/601952421/")[1]["ExternalCustomerReference"] == "601952421"


def test_put_takes_the_internal_reference_only(vendor):
    create(vendor)
    assert ask(vendor, "PUT", "customers/dj-1/", GOOD)[0] == 404
    vendor.behaviour.put_by_external = True
    assert ask(vendor, "PUT", "customers/dj-1/", GOOD) == (200, True)
    assert ask(vendor, "PUT", "customers/dj-1/", {**GOOD, "CustomerReference": "7"})[0] == 400


def test_derived_fields_and_credit(vendor):
    create(vendor)
    body = {**GOOD, "Enabled": True, "Credit": {"Limit": 5.0}}
    assert ask(vendor, "PUT", "customers/601952421/", body) == (200, True)
    assert (vendor.customers[0]["Enabled"], vendor.customers[0]["Credit"]) == (False, {"Limit": 5.0})
    vendor.behaviour.derived_fields = "refuse"
    assert ask(vendor, "PUT", "customers/601952421/", body)[1]["error_code"] == "SIM_READ_ONLY"


def test_addresses_and_methods(vendor):
    create(vendor)
    assert ask(vendor, "GET", "customers/dj-1")[0] == 301
    vendor.behaviour.without_slash = "refuse"
    assert ask(vendor, "GET", "customers/dj-1")[0] == 404
    vendor.behaviour.without_slash = "accept"
    assert ask(vendor, "GET", "customers/dj-1")[0] == 200
    assert ask(vendor, "GET", "/elsewhere/")[0] == 404
    assert ask(vendor, "DELETE", "customers/dj-1/")[0] == 405
    assert ask(vendor, "GET", "customers/dj-1/credit-card/t")[0] == 405
    assert ask(vendor, "GET", "customers/dj-1/", accept="*/*")[0] == 406
    for body in ("{", "[]"):
        assert ask(vendor, "POST", "customers/", body)[0] == 400


def test_cards(vendor):
    create(vendor)
    vendor.add_card("dj-1")
    assert "TransientToken" not in ask(vendor, "GET", "customers/dj-1/")[1]["ExistingCards"][0]
    vendor.behaviour.card_token = "none"
    assert "TransientToken" not in ask(vendor, "GET", "customers/dj-1/?includePaymentData=true")[1]["ExistingCards"][0]
    vendor.behaviour.card_shape = "texts"
    assert ask(vendor, "GET", "customers/dj-1/")[1]["ExistingCards"] == ["Visa 1111"]
    [token] = ask(vendor, "GET", "customers/dj-1/?includePaymentData=true")[1]["ExistingCards"]
    assert ask(vendor, "DELETE", "customers/dj-1/credit-card/wrong")[0] == 404
    assert ask(vendor, "DELETE", f"customers/601952421/credit-card/{token}") == (200, {"Deleted": True})
    assert ask(vendor, "DELETE", f"customers/601952421/credit-card/{token}")[0] == 404
    assert token not in str(vendor.requests)
    assert token not in " ".join(map(str, vendor.requests))


def test_tokens_are_transient(vendor):
    create(vendor)
    vendor.add_card("dj-1")
    vendor.behaviour.set(token_seconds=-1, card_shape="texts")
    [token] = ask(vendor, "GET", "customers/dj-1/?includePaymentData=true")[1]["ExistingCards"]
    assert ask(vendor, "DELETE", f"customers/dj-1/credit-card/{token}")[0] == 404


def test_single_sign_on(vendor):
    create(vendor)
    vendor.add_card("dj-1", subscription="SUB-1")
    vendor.behaviour.set(card_token="none", cards_by_sign_on_only=True, card_names_subscription=True)
    assert ask(vendor, "GET", "customers/dj-1/?includePaymentData=true")[1]["ExistingCards"] == []
    account = "customers/dj-1/account/payment_methods/"
    status, link = ask(vendor, "GET", account)
    token = link.partition("logintoken=")[2]
    assert (status, len(token)) == (200, 40)
    status, customer = ask(vendor, "GET", f"customers/?ssotoken={token}")
    assert (status, customer["CustomerReference"]) == (200, "601952421")
    [card] = customer["ExistingCards"]
    assert card["SubscriptionReference"] == "SUB-1"
    assert ask(vendor, "DELETE", f"customers/dj-1/credit-card/{card['TransientToken']['Token']}")[0] == 400

    vendor.behaviour.sign_on_answer = "object"
    assert list(ask(vendor, "GET", account)[1]) == ["Url"]
    vendor.behaviour.sign_on_answer = "token"
    assert list(ask(vendor, "GET", account)[1]) == ["Token"]
    vendor.behaviour.sign_on_answer = "nothing"
    assert ask(vendor, "GET", account) == (200, {})
    assert ask(vendor, "GET", "customers/nobody/account/payment_methods/")[0] == 404
    assert ask(vendor, "GET", "customers/dj-1/account/elsewhere/")[0] == 404
    assert ask(vendor, "POST", account, {})[0] == 405
    vendor.behaviour.sign_on = False
    assert ask(vendor, "GET", account)[0] == 404


def test_single_sign_on__is_good_for_seconds(vendor):
    create(vendor)
    account = "customers/dj-1/account/user_data/"
    assert ask(vendor, "GET", "customers/?ssotoken=forged")[0] == 400
    assert ask(vendor, "GET", "customers/")[0] == 400
    for query, seconds in (("", 10), ("?ValidityTime=30", 30)):
        began = time.time()
        ask(vendor, "GET", account + query)
        until = list(vendor._sign_ons.values())[-1][1]
        assert seconds <= until - began < seconds + 5
    vendor.behaviour.sign_on_seconds = -1
    token = ask(vendor, "GET", account)[1].partition("logintoken=")[2]
    assert ask(vendor, "GET", f"customers/?ssotoken={token}")[0] == 400


def test_rate_limit(vendor):
    vendor.behaviour.rate_limit = 2
    assert [ask(vendor, "GET", "customers/1/")[0] for _ in range(3)] == [404, 404, 429]


def test_control_panel(vendor):
    reference = vendor.add_customer(FirstName="Ada")
    vendor.forget(reference)
    assert vendor.customer(reference) is None
    with pytest.raises(LookupError):
        vendor.edit(reference, City="Bath")
    with pytest.raises(ValueError, match=r"No such switch: puts\. There are: accept_md5"):
        FakeTwoCheckout(puts="merge")


# Faults.


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_faults(vendor, name):
    fault = FAULTS[name]
    if fault.delay:
        vendor.fail(Fault(commit=fault.commit, delay=0.01))
    else:
        vendor.fail(name)
    if fault.cut:
        with pytest.raises((OSError, HTTPException)):
            create(vendor)
    else:
        assert create(vendor)[0] == (fault.status if not fault.delay else 500)
    assert len(vendor.customers) == fault.commit
    assert create(vendor)[0] == (400 if fault.commit else 200)
    assert vendor.requests[0].fault == (name if not fault.delay else "custom")


def test_faults__by_method_and_healed(vendor):
    vendor.fail("500", times=5, method="PUT")
    assert create(vendor)[0] == 200
    assert ask(vendor, "PUT", "customers/601952421/", GOOD)[0] == 500
    vendor.heal()
    assert ask(vendor, "PUT", "customers/601952421/", GOOD)[0] == 200
    with vendor.outage():
        assert create(vendor)[0] == 503


# From another process.


def test_control(vendor):
    create(vendor)
    assert ask(vendor, "POST", "/_control/edit", {"reference": "dj-1", "fields": {"City": "Bath"}}) == (200, None)
    assert ask(vendor, "POST", "/_control/card", {"reference": "dj-1", "card_type": "Visa"}) == (200, None)
    assert ask(vendor, "POST", "/_control/behaviour", {"put": "merge", "refused_fiscal_codes": ["X"]})[0] == 200
    assert ask(vendor, "POST", "/_control/fault", {"fault": "500", "times": 2})[0] == 200
    assert ask(vendor, "GET", "customers/dj-1/")[0] == 500
    assert ask(vendor, "POST", "/_control/heal")[0] == 200
    assert ask(vendor, "GET", "/_control/customers")[1][0]["City"] == "Bath"
    assert len(ask(vendor, "GET", "/_control/requests")[1]) == 2
    assert ask(vendor, "POST", "/_control/edit", {"reference": "nobody", "fields": {}})[0] == 400
    assert ask(vendor, "POST", "/_control/fault", {"fault": "none"})[0] == 400
    assert ask(vendor, "GET", "/_control/nothing")[0] == 404
    assert vendor.cards("dj-1") == ["Visa 1111"]


def test_command():
    arguments = [
        "--port",
        "0",
        "--merchant-code",
        "C",
        "--secret-key",
        "K",
        "--switch",
        "put=merge",
        "--switch",
        "rate_limit=9",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "django_twocheckout.testing", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = process.stdout.readline()
        vendor = FakeTwoCheckout()
        vendor.url = said.split()[-1]
        assert ask(vendor, "GET", "customers/1/", header=signed(key="K", code="C"))[0] == 404
        lines = [process.stdout.readline() for _ in range(3)]
        assert lines[-1] == "#1 GET /rest/6.0/customers/1/ -> 404\n"
    finally:
        process.terminate()
        try:
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.stdout.close()


def test_command__in_this_process(monkeypatch, capsys):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    command.main(["--port", "0"])
    assert "A fake 2Checkout listens at http://127.0.0.1:" in capsys.readouterr().out


def test_command__wrong_switch(capsys):
    with pytest.raises(SystemExit):
        command.main(["--switch", "puts=merge"])
    assert "No such switch" in capsys.readouterr().err


def test_command__port_taken(vendor, capsys):
    with pytest.raises(SystemExit):
        command.main(["--port", str(urlsplit(vendor.url).port)])
    assert "Address already in use" in capsys.readouterr().err
