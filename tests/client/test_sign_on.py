"""Single sign-on: the second way to retrieve a customer, and a link to the shopper's account."""

from __future__ import annotations

import pytest
import requests

from django_twocheckout.exceptions import ConnectionFailed, RequestRejected, UnreadableAnswer
from tests import answers

from .data import BASE

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
    [False, 5, [LINK], {}, {"Url": None}, {"Token": {"Token": TOKEN}}, "https://store.example/?a=1", "no link",
     "https://store.example/?token=\ud800", "https://store.example/?token=" + "x" * 1_000_000],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)  # fmt: skip
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
    assert str(caught.value) == "GET customers/: 400 E"
    assert caught.value.words == "… of dj-1 expired (E)"


def test_sign_on__connection_fails(client, responses):
    responses.get(ACCOUNT, json=LINK)
    responses.get(f"{BASE}customers/?ssotoken={TOKEN}", body=requests.ConnectionError(f"/?ssotoken={TOKEN}"))

    with pytest.raises(ConnectionFailed) as caught:
        client.retrieve_customer_by_sign_on("dj-1")
    assert str(caught.value) == "GET customers/: ConnectionError"


@pytest.mark.parametrize("quoted", ["a%2Fb%2B12345%3D", "a%2fb%2b12345%3d", "A/B+12345="])
def test_sign_on__its_token_is_told_to_nobody_in_any_writing(client, responses, quoted):
    responses.get(ACCOUNT, json={"Token": "a/b+12345="})
    words = {"error_code": "A/B+12345=", "message": f"{quoted} expired"}
    responses.get(f"{BASE}customers/?ssotoken=a%2Fb%2B12345%3D", json=words, status=400)

    with pytest.raises(RequestRejected) as caught:
        client.retrieve_customer_by_sign_on("dj-1")
    assert (str(caught.value), caught.value.words) == ("GET customers/: 400", "… expired")


PAGE = BASE + "customers/dj-1/account/user_data/?ValidityTime=30"


@pytest.mark.parametrize(
    "answer",
    [
        LINK,
        f" {LINK} ",
        {"Url": LINK},
        {"Help": "https://store.example/help", "Url": LINK},
        {"Token": TOKEN, "Url": LINK},
    ],
)
def test_link__every_form_of_the_answer(client, responses, answer):
    responses.get(PAGE, json=answer)

    assert client.account_link("dj-1", "user_data") == LINK


@pytest.mark.parametrize(
    "answer",
    [
        False, 5, [LINK], {}, TOKEN, {"Token": TOKEN}, {"Url": LINK, "Error": "no"},
        "http://store.example/?logintoken=t", "javascript://store.example/%0Aalert(1)", "//store.example/",
        "https://", "https://name:word@store.example/", "https://store.example\\@elsewhere.example/",
        "https://store.example/\r\nSet-Cookie: a=b", "https://[::1", "https://store.example/" + "x" * 4000,
    ],
    ids=lambda value: str(value)[:40].encode("unicode_escape").decode(),
)  # fmt: skip
def test_link__none_that_a_browser_may_be_sent_to(client, responses, answer):
    responses.get(PAGE, json=answer)

    with pytest.raises(UnreadableAnswer, match="user_data/: the answer holds no link") as caught:
        client.account_link("dj-1", "user_data")
    assert TOKEN not in str(caught.value)


def test_link__to_this_machine(client, responses):
    responses.get(PAGE, json="http://127.0.0.1:8600/myaccount/")

    assert client.account_link("dj-1", "user_data") == "http://127.0.0.1:8600/myaccount/"


@pytest.mark.parametrize("arguments", [("faq",), ("user_data", "german"), ("",), ("user_data", "")])
def test_link__wrong_arguments(client, arguments):
    with pytest.raises(ValueError, match="must be"):
        client.account_link("dj-1", *arguments)
