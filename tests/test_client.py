from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
import requests
import time_machine
from pytest_httpserver import HTTPServer
from werkzeug import Response

from django_twocheckout import __version__
from django_twocheckout.client import MAX_ANSWER_BYTES, Signature, TwoCheckoutClient
from django_twocheckout.exceptions import (
    AuthenticationFailed,
    CardNotDeleted,
    ConnectionFailed,
    NotFound,
    NotSent,
    RateLimited,
    RequestRejected,
    ServerFailed,
    TransientError,
    UnreadableAnswer,
)

from . import answers

BASE = "https://api.2checkout.com/rest/6.0/"
CREDENTIALS = {"merchant_code": "YOURCODE123", "secret_key": "SECRET_KEY"}


@pytest.fixture
def client():
    return TwoCheckoutClient(**CREDENTIALS)


@pytest.fixture
def local_client(httpserver: HTTPServer):
    """A client of a real socket on this machine."""
    return TwoCheckoutClient(**CREDENTIALS, base_url=httpserver.url_for("/rest/6.0/"))


# The signature. Vectors computed from the documented scheme with the documentation's own sample keys.


@pytest.mark.parametrize(
    ("code", "moment", "algorithm", "digest"),
    [
        (
            "AVANGATE",
            datetime(2010, 5, 13, 12, 12, 12, tzinfo=UTC),
            "sha256",
            "29e85dbf92ce0113e7755c31c0438a7db98a4de9f910bf0a527e005f35e43739",
        ),
        (
            "AVANGATE",
            datetime(2010, 5, 13, 12, 12, 12, tzinfo=UTC),
            "sha3-256",
            "0c7e9c0c96148e5bf8e199a0a0e27977edc099ff0b27794e761853b96e04c7fb",
        ),
        (
            "YOURCODE123",
            datetime(2020, 6, 18, 8, 5, 46, tzinfo=UTC),
            "sha256",
            "483fc633a309cadc65b89519f55cc55e0d0611a6e1dfa62ac4d48fc3703a6a42",
        ),
        (
            "YOURCODE123",
            datetime(2020, 6, 18, 8, 5, 46, tzinfo=UTC),
            "sha3-256",
            "89cff582a336094aa0a917003e383016c173b0bcb38d812375b2b10ea6ce99ed",
        ),
    ],
)
def test_signature(code, moment, algorithm, digest):
    header = Signature(code, "SECRET_KEY", algorithm).header(moment)

    assert header == f'code="{code}" date="{moment:%Y-%m-%d %H:%M:%S}" hash="{digest}" algo="{algorithm}"'


def test_signature__sha3_has_its_own_block_size():
    # What a hand-made HMAC with SHA-2's block of 64 bytes gives.
    wrong = "f5daccbdc5469924838b1fd219471e3ee5691970cbc1af4a3d5723d19bb4327b"

    assert wrong not in Signature("YOURCODE123", "SECRET_KEY", "sha3-256").header(datetime(2020, 6, 18, 8, 5, 46))


def test_signature__lengths_are_of_bytes(twocheckout):
    # The fake vendor counts on its own, in UTF-8 bytes, and answers 401 to a wrong signature.
    twocheckout.merchant_code = "MÜNCHEN"
    signature = Signature("MÜNCHEN", "SECRET_KEY", "sha3-256").header(datetime.now(UTC))

    twocheckout._check_signature(signature)


def test_signature__is_in_utc_and_made_afresh_for_each_request(client, responses):
    responses.get(BASE + "customers/1/", json=answers.CUSTOMER)

    with time_machine.travel(datetime(2026, 1, 1, 23, 59, 59, tzinfo=UTC), tick=False) as clock:
        client.retrieve_customer("1")
        clock.shift(2)
        client.retrieve_customer("1")

    first, second = (call.request.headers["X-Avangate-Authentication"] for call in responses.calls)
    assert 'date="2026-01-01 23:59:59"' in first
    assert 'date="2026-01-02 00:00:01"' in second


# Arguments.


@pytest.mark.parametrize(
    "arguments",
    [
        {"base_url": "http://api.2checkout.com/rest/6.0/"},
        {"base_url": "http://127.0.0.1.example.org/"},
        {"base_url": "http://localhost.example.org/"},
        {"base_url": "ftp://api.2checkout.com/"},
        {"base_url": "api.2checkout.com/rest/6.0/"},
        {"base_url": "https://user:pass@api.2checkout.com/"},
        {"base_url": "https://api.2checkout.com/?a=b"},
        {"base_url": "https://[broken/"},
        {"base_url": "https://api.2checkout.com:port/"},
        {"base_url": ""},
        {"hash_algorithm": "md5"},
        {"hash_algorithm": "sha3_256"},
        {"merchant_code": ""},
        {"merchant_code": 'a"b'},
        {"merchant_code": "a\nb"},
        {"merchant_code": "ключ"},
        {"merchant_code": 250111206876},
        {"secret_key": "abc\n"},
        {"secret_key": ""},
        {"timeout": 0},
        {"timeout": None},
        {"timeout": True},
        {"timeout": (1, -1)},
        {"timeout": float("inf")},
    ],
)
def test_arguments__refused(arguments):
    with pytest.raises(ValueError, match=r"must|not an address"):
        TwoCheckoutClient(**{**CREDENTIALS, **arguments})


@pytest.mark.parametrize("base_url", ["http://localhost:8600/", "http://127.0.0.1/x", "http://[::1]:1/", BASE[:-1]])
def test_arguments__taken(base_url):
    assert TwoCheckoutClient(**CREDENTIALS, base_url=base_url).base_url.endswith("/")


def test_repr__has_no_secret(client):
    assert "SECRET_KEY" not in repr(client) + str(vars(client))


# The four operations.


@pytest.mark.parametrize("body", ["601952421", '"601952421"', '{"CustomerReference": "601952421"}',
                                  '{"AvangateCustomerReference": 601952421}'])  # fmt: skip
def test_create__every_shape_of_the_answer(client, responses, body):
    responses.post(BASE + "customers/", body=body, content_type="application/json")

    assert client.create_customer({"FirstName": "Ада"}) == "601952421"
    request = responses.calls[0].request
    assert json.loads(request.body) == {"FirstName": "Ада"}
    assert request.headers["Content-Type"] == request.headers["Accept"] == "application/json"
    assert request.headers["User-Agent"] == f"django-twocheckout/{__version__}"


@pytest.mark.parametrize(
    "body", ["", "null", "true", "false", "0", "-5", "1.5", "[]", '"abc"', "{}", "<html>", "[" * 99999]
)
def test_create__unreadable_answer(client, responses, body):
    responses.post(BASE + "customers/", body=body, content_type="application/json")

    with pytest.raises(UnreadableAnswer):
        client.create_customer({})


def test_retrieve(client, responses):
    responses.get(BASE + "customers/601952421/", json=answers.CUSTOMER)

    assert client.retrieve_customer("601952421") == answers.CUSTOMER
    assert "?" not in responses.calls[0].request.url


@pytest.mark.parametrize("name", ["CustomerReference", "AvangateCustomerReference"])
def test_retrieve__the_reference_is_a_text_under_its_new_name(client, responses, name):
    responses.get(BASE + "customers/601952421/", json={name: 601952421})

    assert client.retrieve_customer("601952421")["CustomerReference"] == "601952421"


def test_retrieve__from_a_response_made_by_hand(client, monkeypatch):
    made = requests.Response()
    made.status_code, made._content = 200, b'{"FirstName": "Ada"}'
    monkeypatch.setattr(requests.Session, "send", lambda session, prepared, **options: made)

    assert client.retrieve_customer("1") == {"FirstName": "Ada"}


def test_retrieve__with_payment_data(client, responses):
    responses.get(BASE + "customers/601952421/?includePaymentData=true", json=answers.CUSTOMER)

    client.retrieve_customer("601952421", include_payment_data=True)


@pytest.mark.parametrize("body", ["[]", "1", "null", '"x"', "not json", "{"])
def test_retrieve__unreadable_answer(client, responses, body):
    responses.get(BASE + "customers/1/", body=body)

    with pytest.raises(UnreadableAnswer):
        client.retrieve_customer("1")


def test_update(client, responses):
    responses.put(BASE + "customers/1/", body="true")

    assert client.update_customer("1", {"City": "Paris"}) is True
    assert json.loads(responses.calls[0].request.body) == {"City": "Paris"}


def test_update__reaching_end_users(client, responses):
    responses.put(BASE + "customers/1/?endUserUpdate=true", json=answers.CUSTOMER)

    assert client.update_customer("1", {}, end_user_update=True) is True


@pytest.mark.parametrize("body", ['"true"', "1", '"1"'])
def test_update__true_in_other_words(client, responses, body):
    responses.put(BASE + "customers/1/", body=body)

    assert client.update_customer("1", {}) is True


@pytest.mark.parametrize("body", ["false", '"false"', "0", '"0"'])
def test_update__200_false_is_a_failure(client, responses, body):
    responses.put(BASE + "customers/1/", body=body)

    with pytest.raises(RequestRejected) as caught:
        client.update_customer("1", {})
    assert "did not update" in caught.value.words


def test_update__200_with_an_error_inside(client, responses):
    responses.put(BASE + "customers/1/", json={"error_code": "X_Y", "message": "No."})

    with pytest.raises(RequestRejected) as caught:
        client.update_customer("1", {})
    assert caught.value.words == "No. (X_Y)"


def test_update__200_with_errors_inside(client, responses):
    responses.put(BASE + "customers/1/", json={"Errors": [{"ErrorCode": "X", "Message": "No."}]})

    with pytest.raises(RequestRejected):
        client.update_customer("1", {})


@pytest.mark.parametrize("body", ["null", "17", '"yes"', ""])
def test_update__unreadable_answer(client, responses, body):
    responses.put(BASE + "customers/1/", body=body)

    with pytest.raises(UnreadableAnswer):
        client.update_customer("1", {})


def test_delete_card(client, responses):
    responses.delete(BASE + "customers/1/credit-card/t%2F1", json={"Deleted": True})

    assert client.delete_card("1", "t/1") is True


@pytest.mark.parametrize("body", [answers.CARD_NOT_DELETED_REST, answers.CARD_NOT_DELETED_RPC])
@pytest.mark.parametrize("status", [400, 200])
def test_delete_card__refused_in_both_documented_shapes(client, responses, body, status):
    responses.delete(BASE + "customers/601952421/credit-card/t", json=body, status=status)

    with pytest.raises(CardNotDeleted) as caught:
        client.delete_card("601952421", "t")
    assert caught.value.words == "Subscription SUB-1: The card is in use (MY_ERROR_CODE_1)"
    assert str(caught.value).endswith(f": {status} {caught.value.words}")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error_code": "X", "message": "Because."}, "Because. (X)"),
        ({"Deleted": False, "Errors": [None, 3]}, "2Checkout did not delete the card"),
        ({"Deleted": False, "Subscriptions": [{"SubscriptionReference": "S", "Error": None}]}, "Subscription S: "),
        ({"Deleted": False, "Errors": "none"}, "2Checkout did not delete the card"),
    ],
)
def test_delete_card__refused_in_other_shapes(client, responses, body, words):
    responses.delete(BASE + "customers/1/credit-card/t", json=body, status=400)

    with pytest.raises(CardNotDeleted) as caught:
        client.delete_card("1", "t")
    assert caught.value.words == words


@pytest.mark.parametrize("body", ["true", "{}", "null", '{"Deleted": "yes"}'])
def test_delete_card__unreadable_answer(client, responses, body):
    responses.delete(BASE + "customers/1/credit-card/t", body=body)

    with pytest.raises(UnreadableAnswer):
        client.delete_card("1", "t")


# Addresses.


@pytest.mark.parametrize(
    ("reference", "sent"),
    [
        ("a/b", "a%2Fb"),
        ("a?b=c", "a%3Fb%3Dc"),
        ("a#b", "a%23b"),
        ("%2e%2e", "%252e%252e"),
        ("../../secrets", "..%2F..%2Fsecrets"),
        ("https://example.org/", "https%3A%2F%2Fexample.org%2F"),
        ("//example.org", "%2F%2Fexample.org"),
        ("jürgen@example.org", "j%C3%BCrgen%40example.org"),
        ("a b+c", "a%20b%2Bc"),
        ("a;b", "a%3Bb"),
        ("...", "..."),
    ],
)
def test_reference__is_one_segment_of_the_path(reference, sent, twocheckout):
    client = TwoCheckoutClient(**CREDENTIALS, base_url=twocheckout.url)
    twocheckout.add_customer(ExternalCustomerReference=reference, FirstName="Ada")

    assert client.retrieve_customer(reference)["ExternalCustomerReference"] == reference
    assert twocheckout.requests[0].path == f"/rest/6.0/customers/{sent}/"


@pytest.mark.parametrize("reference", ["", ".", "..", "\ud800", None])
def test_reference__that_cannot_be_addressed(client, reference):
    with pytest.raises(NotSent):
        client.retrieve_customer(reference)
    with pytest.raises(NotSent):
        client.delete_card("1", reference)


@pytest.mark.parametrize("value", [float("nan"), object(), "\ud800"])
def test_information__that_cannot_be_written(client, value):
    with pytest.raises(NotSent):
        client.create_customer({"FirstName": value})


# Failures.


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RequestRejected),
        (401, AuthenticationFailed),
        (403, AuthenticationFailed),
        (404, NotFound),
        (408, ConnectionFailed),
        (409, RequestRejected),
        (422, RequestRejected),
        (429, RateLimited),
        (500, ServerFailed),
        (502, ServerFailed),
        (503, ServerFailed),
    ],
)
def test_status__has_its_exception(client, responses, status, error):
    responses.get(BASE + "customers/1/", json={"error_code": "A_CODE", "message": "Some words"}, status=status)

    with pytest.raises(error) as caught:
        client.retrieve_customer("1")
    assert type(caught.value) is error
    assert (caught.value.status, caught.value.code, caught.value.words) == (status, "A_CODE", "Some words (A_CODE)")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, UnreadableAnswer),
        (301, UnreadableAnswer),
        (400, UnreadableAnswer),
        (401, AuthenticationFailed),
        (404, UnreadableAnswer),
        (429, RateLimited),
        (502, ServerFailed),
    ],
)
def test_html__is_never_taken_for_2checkouts_word(client, responses, status, error):
    responses.get(BASE + "customers/1/", body="<html>Whatever</html>", status=status, content_type="text/html")

    with pytest.raises(error) as caught:
        client.retrieve_customer("1")
    assert type(caught.value) is error
    assert "Whatever" not in str(caught.value) + caught.value.words


def test_not_found__with_an_empty_body(client, responses):
    responses.get(BASE + "customers/1/", status=404)

    with pytest.raises(NotFound):
        client.retrieve_customer("1")


def test_redirect__is_not_followed(local_client, httpserver):
    httpserver.expect_request("/rest/6.0/customers/1/").respond_with_data("", 302, {"Location": "/elsewhere/"})
    httpserver.expect_request("/elsewhere/").respond_with_json(answers.CUSTOMER)

    with pytest.raises(UnreadableAnswer, match="redirect"):
        local_client.retrieve_customer("1")
    assert [request.path for request, _ in httpserver.log] == ["/rest/6.0/customers/1/"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
        ("999999999", 86400),
        ("soon", None),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999999999", None),
        ("-5", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(client, responses, header, seconds, status):
    responses.get(BASE + "customers/1/", status=status, headers={"Retry-After": header})

    with (
        time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False),
        pytest.raises(TransientError) as caught,
    ):
        client.retrieve_customer("1")
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("drips", [[], [b"{"]])
def test_timeout__no_answer_or_not_to_its_end(local_client, httpserver, drips):
    given_up = threading.Event()

    def stall():
        yield from drips
        given_up.wait(20)
        yield b""

    httpserver.expect_request("/rest/6.0/customers/1/").respond_with_handler(lambda request: Response(stall()))
    local_client.timeout = (0.3, 0.3)

    with pytest.raises(ConnectionFailed):
        local_client.retrieve_customer("1")
    given_up.set()


def test_timeout__answer_that_drips(local_client, httpserver):
    given_up, dripped_dry = threading.Event(), threading.Event()

    def drip():
        for _ in range(200):
            if given_up.wait(0.1):
                return
            yield b" "
        dripped_dry.set()

    httpserver.expect_request("/rest/6.0/customers/1/").respond_with_handler(lambda request: Response(drip()))

    local_client.timeout = (0.3, 0.3)
    with pytest.raises(ConnectionFailed, match="did not end in time"):
        local_client.retrieve_customer("1")
    assert not dripped_dry.is_set()
    given_up.set()


def test_refused_connection():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = TwoCheckoutClient(**CREDENTIALS, base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/rest/6.0/")

        with pytest.raises(ConnectionFailed) as caught:
            client.retrieve_customer("secret-reference")
    assert "secret-reference" not in str(caught.value) + repr(caught.value.__cause__)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("reset", ConnectionFailed),
        ("half-body", UnreadableAnswer),
        ("huge", UnreadableAnswer),
        ("not-json", UnreadableAnswer),
    ],
)
def test_broken_answers__over_a_real_socket(twocheckout, fault, error):
    client = TwoCheckoutClient(**CREDENTIALS, base_url=twocheckout.url)
    twocheckout.fail(fault)

    with pytest.raises(error):
        client.retrieve_customer("1")


def test_huge_answer__with_a_failure_status(client, responses):
    responses.get(BASE + "customers/1/", body="x" * (MAX_ANSWER_BYTES + 1), status=500)

    with pytest.raises(ServerFailed):
        client.retrieve_customer("1")


def test_messages__tell_no_personal_data(client, responses):
    words = "The Email ada@example.org of Ada Lovelace (Ada!) is known to Bob@other.example"
    responses.post(BASE + "customers/", json={"error_code": "E", "message": words}, status=400)

    with pytest.raises(RequestRejected) as caught:
        client.create_customer({"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.org"})
    assert str(caught.value) == "POST customers/: 400 E The Email … of … … (…!) is known to …"
    assert caught.value.message == words


def test_messages__are_one_bounded_line(client, responses):
    responses.get(BASE + "customers/1/", json={"error_code": ["x"], "message": "a\n\tb " * 999}, status=400)

    with pytest.raises(RequestRejected) as caught:
        client.retrieve_customer("1")
    assert len(caught.value.words) <= 500
    assert "\n" not in caught.value.words


def test_messages__tell_no_reference_nor_token(client, responses):
    words = "Token t-secret of ada-lovelace  is unknown"
    responses.delete(BASE + "customers/ada-lovelace/credit-card/t-secret", json={"message": words}, status=500)

    with pytest.raises(ServerFailed) as caught:
        client.delete_card("ada-lovelace", "t-secret")
    assert str(caught.value) == "DELETE customers/…/credit-card/…: 500 Token … of … is unknown"


def test_messages__codes_and_wide_spaces_are_cleaned_too(client, responses):
    answer = {"error_code": "BAD ada@example.org", "message": "Bad address 12  Baker Street"}
    responses.post(BASE + "customers/", json=answer, status=400)

    with pytest.raises(RequestRejected) as caught:
        client.create_customer({"Address1": "12  Baker Street"})
    assert str(caught.value) == "POST customers/: 400 BAD … Bad address …"


ACCOUNT = BASE + "customers/dj-1/account/payment_methods/?ValidityTime=30"
TOKEN, LINK = answers.SIGN_ON_TOKEN, answers.SIGN_ON_LINK


@pytest.mark.parametrize(
    "answer",
    [
        LINK,
        f" {LINK}&other=1#top ",
        {"Url": LINK},
        {"SingleSignOnURL": LINK},
        {"Token": TOKEN},
        {"TokenType": "single-sign-on", "Token": TOKEN, "Url": "https://store.example/?token=elsewhere"},
        {"Expires": 10, "Token": None, "Url": f"https://store.example/?a=1&ssoToken={TOKEN}"},
        TOKEN,
    ],
)
def test_sign_on__every_form_of_the_link(client, responses, answer):
    responses.get(ACCOUNT, json=answer)
    responses.get(f"{BASE}customers/?ssotoken={TOKEN}", json={**answers.CUSTOMER, "CustomerReference": 601952421})

    assert client.retrieve_customer_by_sign_on("dj-1") == answers.CUSTOMER


@pytest.mark.parametrize(
    "answer",
    [False, 5, [LINK], {}, {"Url": None}, {"Token": {"Token": TOKEN}}, "https://store.example/?a=1", "no link"],
)
def test_sign_on__no_token_in_the_answer(client, responses, answer):
    responses.get(ACCOUNT, json=answer)

    with pytest.raises(UnreadableAnswer, match="holds no token"):
        client.retrieve_customer_by_sign_on("dj-1")


def test_sign_on__the_answer_is_no_customer(client, responses):
    responses.get(ACCOUNT, json=LINK)
    responses.get(f"{BASE}customers/?ssotoken={TOKEN}", json=[])

    with pytest.raises(UnreadableAnswer, match="not a customer"):
        client.retrieve_customer_by_sign_on("dj-1")


def test_sign_on__its_token_is_told_to_nobody(client, responses):
    responses.get(ACCOUNT, json=LINK)
    words = {"error_code": "E", "message": f"{TOKEN} of dj-1 expired"}
    responses.get(f"{BASE}customers/?ssotoken={TOKEN}", json=words, status=400)

    with pytest.raises(RequestRejected) as caught:
        client.retrieve_customer_by_sign_on("dj-1")
    assert str(caught.value) == "GET customers/: 400 E … of dj-1 expired"
    assert caught.value.words == "… of dj-1 expired (E)"


def test_sign_on__connection_fails(client, responses):
    responses.get(ACCOUNT, json=LINK)
    responses.get(f"{BASE}customers/?ssotoken={TOKEN}", body=requests.ConnectionError(f"/?ssotoken={TOKEN}"))

    with pytest.raises(ConnectionFailed) as caught:
        client.retrieve_customer_by_sign_on("dj-1")
    assert str(caught.value) == "GET customers/: ConnectionError"


def test_logs__of_the_http_library_tell_no_sign_on_token(twocheckout, caplog):
    caplog.set_level(logging.DEBUG)
    client = TwoCheckoutClient(**CREDENTIALS, base_url=twocheckout.url)
    reference = twocheckout.add_customer(FirstName="Ada")
    assert client.retrieve_customer_by_sign_on(reference)["FirstName"] == "Ada"
    url = f"{client.base_url}customers/?ssotoken={TOKEN}"
    logging.getLogger("urllib3.connection").warning("Failed to parse headers (url=%s): %s", url, "why")

    [token] = twocheckout._sign_ons
    assert [line for line in caplog.messages if "/rest/6.0/customers/… HTTP/1.1" in line]
    assert not [line for line in caplog.messages if token in line or TOKEN in line or reference in line]
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


# Sessions.


def test_session__is_kept_alive_within_a_thread_and_not_shared_between_threads(twocheckout):
    client = TwoCheckoutClient(**CREDENTIALS, base_url=twocheckout.url)
    reference = twocheckout.add_customer(FirstName="Ada")
    seen = []

    def use():
        client.retrieve_customer(reference)
        first = client._session()
        client.retrieve_customer(reference)
        seen.append((first, client._session()))

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (a, again_a), (b, again_b) = seen
    assert a is again_a
    assert b is again_b
    assert a is not b


def test_session__is_new_after_a_fork(client, monkeypatch):
    parent = client._session()
    monkeypatch.setattr(os, "getpid", lambda: -1)

    assert client._session() is not parent


def test_session__is_new_after_close(client):
    before = client._session()
    client.close()
    client.close()

    assert client._session() is not before


def test_session__takes_the_proxy_from_the_environment(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/own.pem")

    session = TwoCheckoutClient(**CREDENTIALS)._session()

    assert session.proxies["https"] == "http://proxy.example:3128"
    assert session.verify == "/etc/ssl/own.pem"


def test_script__works_without_django(tmp_path):
    script = (
        "import sys; sys.modules['django'] = sys.modules['celery'] = sys.modules['rest_framework'] = None\n"
        "from django_twocheckout import client, exceptions, merge, testing\n"
        "with testing.FakeTwoCheckout().serve() as vendor:\n"
        "    c = client.TwoCheckoutClient(merchant_code='YOURCODE123', secret_key='SECRET_KEY', base_url=vendor.url)\n"
        "    reference = vendor.add_customer(FirstName='Ada')\n"
        "    print(c.retrieve_customer(reference)['FirstName'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=30)

    assert (done.stdout, done.stderr) == ("Ada\n", "")


def test_requests_are_checked_against_the_document(client):
    # The suite's own check: a request that the vendor's document does not have is caught.
    from openapi_core.exceptions import OpenAPIError

    with pytest.raises(OpenAPIError):
        client.create_customer({"FirstName": 5})
    with pytest.raises(OpenAPIError):
        requests.Session().request("PATCH", BASE + "customers/1/")
