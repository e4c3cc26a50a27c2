"""The operations and the answers that 2Checkout gives to each."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import requests

from django_twocheckout import __version__
from django_twocheckout.exceptions import NotFound, RequestRejected, UnreadableAnswer
from tests import answers

from .data import BASE


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
    "body",
    ["", "null", "true", "false", "0", "-5", "1.5", "1.0", "[]", '"abc"', '"٣"', "{}", "<html>", "[" * 99999,
     '{"CustomerReference": true}', '{"CustomerReference": 1, "Error": "No."}', '{"CustomerReference": [1]}',
     '{"CustomerReference": 1, "AvangateCustomerReference": 2}',
     '{"CustomerReference": 1, "ExternalCustomerReference": "dj-2"}'],
)  # fmt: skip
def test_create__unreadable_answer(client, responses, body):
    responses.post(BASE + "customers/", body=body, content_type="application/json")

    with pytest.raises(UnreadableAnswer):
        client.create_customer({"ExternalCustomerReference": "dj-1"})


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


@pytest.mark.parametrize("deleted", [False, None, "", 0, "false"])
def test_retrieve__a_customer_that_is_not_deleted(client, responses, deleted):
    body = json.dumps({"CustomerReference": 1, "Deleted": deleted})
    responses.get(BASE + "customers/1/", body=body[:-1] + ', "CustomerReference": 1}')

    assert client.retrieve_customer("1")["CustomerReference"] == "1"


def test_retrieve__with_payment_data(client, responses):
    responses.get(BASE + "customers/601952421/?includePaymentData=true", json=answers.CUSTOMER)

    client.retrieve_customer("601952421", include_payment_data=True)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "1",
        "null",
        '"x"',
        "not json",
        "{",
        "{}",
        '{"Error": "E", "message": "No."}',
        '{"CustomerReference": 1, "FirstName": "Ada", "ERROR": "E"}',
        '{"CustomerReference": 1, "errorCode": "E"}',
        '{"CustomerReference": 2, "Deleted": true}',
        '{"CustomerReference": 1, "Deleted": true, "error": "E"}',
        '{"ExternalCustomerReference": "dj-1", "Deleted": true}',
        '{"CustomerReference": 1, "CustomerReference": 2}',
        '{"CustomerReference": 1, "Credit": {"Limit": 1, "Limit": 2}}',
        '{"CustomerReference": 1, "Credit": {"Limit": NaN}}',
        '{"CustomerReference": 1, "Credit": -Infinity}',
        '{"CustomerReference": true}',
        '{"CustomerReference": [1]}',
        '{"CustomerReference": {"a": 1}}',
        '{"CustomerReference": 6.01952421e8}',
        '{"CustomerReference": "6.01952421e8"}',
        '{"CustomerReference": "1 "}',
        '{"CustomerReference": -1}',
        '{"CustomerReference": 1.0}',
        '{"AvangateCustomerReference": "01"}',
    ],
)
def test_retrieve__unreadable_answer(client, responses, body):
    responses.get(BASE + "customers/1/", body=body)

    with pytest.raises(UnreadableAnswer):
        client.retrieve_customer("1")


@pytest.mark.parametrize(
    ("reference", "body"),
    [
        ("1", '{"CustomerReference": 1, "Deleted": true}'),
        ("1", '{"AvangateCustomerReference": "1", "FirstName": "Ada", "is_deleted": "2026-01-01"}'),
        ("dj-1", '{"CustomerReference": 1, "Deleted": true}'),
        ("dj-1", '{"CustomerReference": 1, "ExternalCustomerReference": "dj-1", "Deleted": true}'),
    ],
)
def test_retrieve__a_deleted_customer_is_not_found(client, responses, reference, body):
    responses.get(BASE + f"customers/{reference}/", body=body)

    with pytest.raises(NotFound):
        client.retrieve_customer(reference)


def test_update(client, responses):
    responses.put(BASE + "customers/1/", body="true")

    assert client.update_customer("1", {"City": "Paris"}) is True
    assert json.loads(responses.calls[0].request.body) == {"City": "Paris"}


def test_update__reaching_end_users(client, responses):
    responses.put(BASE + "customers/601952421/?endUserUpdate=true", json=answers.CUSTOMER)

    assert client.update_customer("601952421", {}, end_user_update=True) is True


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


@pytest.mark.parametrize("name", ["CustomerReference", "AvangateCustomerReference"])
@pytest.mark.parametrize("reference", [601952421, "601952421"])
def test_update__answered_with_the_customer(client, responses, name, reference):
    responses.put(BASE + "customers/601952421/", json={name: reference, "FirstName": "Ada"})

    assert client.update_customer("601952421", {}) is True


NOT_CLEARLY_DONE = [
    "null", "17", '"yes"', "", "{}", "[]", "[true]", "1.0", "0.0", '"True"', '{"ok": false}', '{"ok": true}',
    '{"Error": "E", "code": 1, "message": "No."}', '{"FirstName": "Ada"}', '{"CustomerReference": 2}',
    '{"CustomerReference": true}', '{"CustomerReference": 1.0}', '{"CustomerReference": null}',
    '{"CustomerReference": 1, "AvangateCustomerReference": 2}', '{"CustomerReference": 1, "Error": "E"}',
    '"TRUE"', '"false "', "[false]", '{"Result": true}', "1e0", '{"CustomerReference": 1, "ERROR_CODE": "E"}',
    '{"CustomerReference": 1, "deleted": true}', '{"CustomerReference": 2, "CustomerReference": 1}',
    '{"CustomerReference": "1", "ExternalCustomerReference": "another"}', '{"Customer": {"CustomerReference": 1}}',
]  # fmt: skip


@pytest.mark.parametrize("body", NOT_CLEARLY_DONE)
def test_update__unreadable_answer(client, responses, body):
    responses.put(BASE + "customers/1/", body=body)

    with pytest.raises(UnreadableAnswer):
        client.update_customer("1", {"ExternalCustomerReference": "ours"})


def test_delete_card(client, responses):
    responses.delete(BASE + "customers/1/credit-card/t%2F1", json={"Deleted": True})

    assert client.delete_card("1", "t/1") is True


@pytest.mark.parametrize(
    "body",
    [
        "true",
        "{}",
        "null",
        '{"Deleted": "yes"}',
        '{"Deleted": true, "error": "E"}',
        '{"Deleted": false, "Deleted": true}',
    ],
)
def test_delete_card__unreadable_answer(client, responses, body):
    responses.delete(BASE + "customers/1/credit-card/t", body=body)

    with pytest.raises(UnreadableAnswer):
        client.delete_card("1", "t")


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
