"""Answers that are no success: which exception, with which text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from django_twocheckout.client.body import MAX_ANSWER_BYTES
from django_twocheckout.exceptions import (
    AuthenticationFailed,
    CardNotDeleted,
    ConnectionFailed,
    NotFound,
    RateLimited,
    RequestRejected,
    ServerFailed,
    TransientError,
    TwoCheckoutError,
    UnreadableAnswer,
)
from tests import answers

from .data import BASE


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


def test_huge_answer__with_a_failure_status(client, responses):
    responses.get(BASE + "customers/1/", body="x" * (MAX_ANSWER_BYTES + 1), status=500)

    with pytest.raises(ServerFailed):
        client.retrieve_customer("1")


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


@pytest.mark.parametrize("body", [answers.CARD_NOT_DELETED_REST, answers.CARD_NOT_DELETED_RPC])
@pytest.mark.parametrize("status", [400, 200])
def test_delete_card__refused_in_both_documented_shapes(client, responses, body, status):
    responses.delete(BASE + "customers/601952421/credit-card/t", json=body, status=status)

    with pytest.raises(CardNotDeleted) as caught:
        client.delete_card("601952421", "t")
    assert caught.value.words == "Subscription SUB-1: The card is in use (MY_ERROR_CODE_1)"
    assert str(caught.value) == f"DELETE customers/…/credit-card/…: {status} MY_ERROR_CODE_1"


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


def test_messages__tell_no_personal_data(client, responses):
    words = "The Email ada@example.org of Ada Lovelace (Ada!) is known to Bob@other.example"
    responses.post(BASE + "customers/", json={"error_code": "E", "message": words}, status=400)

    with pytest.raises(RequestRejected) as caught:
        client.create_customer({"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.org"})
    assert str(caught.value) == "POST customers/: 400 E"
    assert caught.value.vendor_message == words


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
    assert str(caught.value) == "DELETE customers/…/credit-card/…: 500"
    assert caught.value.words == "Token t-secret of ada-lovelace is unknown"


def test_messages__codes_that_are_none_are_for_people_only(client, responses):
    answer = {"error_code": "BAD ada@example.org", "message": "Bad address 12  Baker Street"}
    responses.post(BASE + "customers/", json=answer, status=400)

    with pytest.raises(RequestRejected) as caught:
        client.create_customer({"Address1": "12  Baker Street"})
    assert str(caught.value) == "POST customers/: 400"
    assert caught.value.words == "Bad address 12 Baker Street (BAD ada@example.org)"


@pytest.mark.parametrize(
    "quoted",
    ["O&#x27;Neill-Łącka", "O%27Neill-%C5%81%C4%85cka", "O'Neill", "Łącka", "O'NEILL-ŁĄCKA", "o+neill", "T-SECRET"],
    ids=["html", "url", "first part", "last part", "capitals", "blanks", "token"],
)
@pytest.mark.parametrize("status", [400, 401, 404, 408, 429, 500])
def test_messages__repeat_no_value_in_any_writing(client, responses, status, quoted):
    answer = {"error_code": "INVALID", "message": f"The name {quoted} is refused"}
    responses.put(BASE + "customers/T-SECRET/", json=answer, status=status)

    with pytest.raises(TwoCheckoutError) as caught:
        client.update_customer("T-SECRET", {"LastName": "O'Neill-Łącka"})
    assert str(caught.value) == f"PUT customers/…/: {status} INVALID"
    assert caught.value.words == f"The name {quoted} is refused (INVALID)"


@pytest.mark.parametrize(
    ("code", "logged"),
    [
        ("A_CODE-1.2", " A_CODE-1.2"),
        (1234, " 1234"),
        ("X" * 64, " " + "X" * 64),
        ("X" * 65, ""),
        ("a_code", ""),
        ("Of Ada", ""),
        ("ADA", ""),
        ("", ""),
        (True, ""),
        (None, ""),
    ],
)
def test_messages__have_a_code_only_if_it_is_one(client, responses, code, logged):
    responses.post(BASE + "customers/", json={"error_code": code, "message": "No."}, status=400)

    with pytest.raises(RequestRejected) as caught:
        client.create_customer({"FirstName": "Ada"})
    assert str(caught.value) == f"POST customers/: 400{logged}"


def test_messages__a_value_that_was_sent_is_no_code(client, responses):
    responses.post(BASE + "customers/", json={"error_code": "ADA", "message": "No."}, status=400)

    with pytest.raises(RequestRejected) as caught:
        client.create_customer({"FirstName": "Ada"})
    assert (caught.value.code, caught.value.words) == ("", "No.")


@pytest.mark.parametrize("status", [400, 200])
@pytest.mark.parametrize(
    ("listed", "more"),
    [
        ({"Errors": [{"SubscriptionReference": "S", "Message": "In use"}] * 50}, 0),
        ({"Errors": [{"SubscriptionReference": "S", "Message": "In use"}] * 51}, 1),
        ({"Subscriptions": [{"SubscriptionReference": "S", "Error": {"message": "In use"}}] * 5000}, 4950),
        (
            {
                "Errors": [{"SubscriptionReference": "S", "Message": "In use"}] * 40,
                "Subscriptions": [{"SubscriptionReference": "S", "Error": {"message": "In use"}}] * 40,
            },
            30,
        ),
    ],
    ids=["50", "51", "5000", "40 and 40"],
)
def test_delete_card__keeps_fifty_reasons(client, responses, listed, more, status):
    responses.delete(BASE + "customers/1/credit-card/t", json={"Deleted": False, **listed}, status=status)

    with pytest.raises(CardNotDeleted) as caught:
        client.delete_card("1", "t")
    assert len(caught.value.reasons) == 50
    assert caught.value.words == "; ".join(["Subscription S: In use"] * 50 + [f"and {more} more"] * bool(more))
    assert str(caught.value) == f"DELETE customers/…/credit-card/…: {status}"
