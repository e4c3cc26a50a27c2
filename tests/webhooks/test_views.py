from __future__ import annotations

import hmac
import json
import re
import time
from urllib.parse import quote_from_bytes

import pytest
from django.apps import apps
from django.db import DataError, OperationalError, connection, connections
from django.db.models import QuerySet
from django.test import Client, override_settings
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_twocheckout import signals
from django_twocheckout.flows import notifications, notifications_overview
from django_twocheckout.models import Customer, Notification
from django_twocheckout.testing.notifications import fields_of, signed
from django_twocheckout.webhooks.form import parse
from django_twocheckout.webhooks.signature import receipt, source, verified_by

from .vectors import FORGED, GENUINE, KEY, UNDISPUTED, body_of, key_of, name_of

FORM = "application/x-www-form-urlencoded"
IPN, LCN = "/2checkout/ipn/", "/2checkout/lcn/"
ALGORITHMS = ["sha3-256", "sha256", "md5"]

pytestmark = pytest.mark.django_db


def post(body, address=LCN, content_type=FORM, **headers):
    # Not post(), which encodes the body anew for another charset.
    return Client(enforce_csrf_checks=True).generic("POST", address, body, content_type=content_type, **headers)


def lcn(*, without=(), **fields):
    values = {**fields_of("LCN", {"CustomerReference": "601952421"}), **fields}
    return {name: value for name, value in values.items() if name not in without}


def outcomes():
    return list(Notification.objects.order_by("pk").values_list("outcome", flat=True))


@pytest.mark.parametrize("vector", UNDISPUTED, ids=name_of)
def test_vectors(vector, configure):
    configure(SECRET_KEY=key_of(vector))
    answer = post(body_of(vector), f"/2checkout/{vector['kind']}/")
    text = answer.content.decode()
    if vector in FORGED:
        assert (answer.status_code, text, outcomes()) == (400, "", ["forged"])
        return
    [line] = Notification.objects.all()
    assert line.outcome != "forged"
    facts = vector["facts"]
    assert line.customer_reference == facts.get("AVANGATE_CUSTOMER_REFERENCE", "")
    assert line.external_customer_reference == facts.get("EXTERNAL_CUSTOMER_REFERENCE", "")
    if not vector["receipts"]:
        assert answer.status_code == 422
        assert "<sig" not in text
        return
    fields = parse(body_of(vector), 10_000)
    algorithm = verified_by(fields, key_of(vector), ALGORITHMS)
    date = re.search(r'date="(\d{14})"', text)[1]
    assert abs(time.mktime(time.strptime(date, "%Y%m%d%H%M%S")) - time.time()) < 60
    assert (answer.status_code, text) == (200, receipt(fields, vector["kind"], key_of(vector), algorithm, date))


@pytest.mark.parametrize(("algorithm", "allowed"), [("sha256", True), ("md5", False)])
def test_algorithms(algorithm, allowed, configure):
    assert post(signed(lcn(), "SECRET_KEY", [algorithm])).status_code == (200 if allowed else 400)
    configure(NOTIFICATION_ALGORITHMS=("md5",))
    answer = post(signed(lcn(), "SECRET_KEY", [algorithm]))
    assert answer.status_code == (400 if allowed else 200)
    assert answer.content.startswith(b"" if allowed else b"<EPAYMENT>")


#: Made once: it has the time in it, and what hypothesis draws from must not change.
RIGHT = signed(lcn(), "SECRET_KEY", ["sha3-256"])


def right():
    return RIGHT


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"&",
        b"\0\xff\xfe" * 100,
        b"A=" + b"x" * (10 * 1024 * 1024),
        b"&".join(b"A[]=%d" % number for number in range(20_000)),
        b"SIGNATURE_SHA3_256=",
        b"SIGNATURE_SHA3_256[]=1&HASH[x][y]=2",
        b"SIGNATURE_SHA3_256=%C3%A9",
        b"A" + b"[x]" * 10_000 + b"=1",
        json.dumps({"LICENSE_CODE": "1", "SIGNATURE_SHA3_256": "2"}).encode(),
    ],
    ids=["none", "blank", "binary", "10 MB", "fields", "unsigned", "arrays", "not ASCII", "deep", "JSON"],
)
def test_not_signed(body):
    for address in (IPN, LCN):
        answer = post(body, address)
        assert (answer.status_code, answer.content) == (400, b"")
    assert outcomes() == ["forged", "forged"]


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:-1],
        lambda body: body[: len(body) // 2],
        lambda body: body + b"&EXTRA=1",
        lambda body: body.replace(b"LICENSE_CODE=INV3NT3D01", b"LICENSE_CODE=INV3NT3D02"),
        lambda body: body.replace(b"601952421", b"601952422"),
        lambda body: b"&".join(reversed(body.split(b"&"))),
        lambda body: body.replace(b"SIGNATURE_SHA3_256", b"SIGNATURE_SHA2_256"),
    ],
)
def test_changed(change):
    assert post(right()).status_code == 200
    answer = post(change(right()))
    assert (answer.status_code, answer.content) == (400, b"")
    assert Notification.objects.filter(outcome="forged").count() == 1


@pytest.mark.parametrize("content_type", [FORM + "; charset=utf-16", FORM + "; charset=no-such", "text/plain", ""])
def test_the_content_type_changes_nothing(content_type):
    assert post(right(), content_type=content_type).status_code == 200


def test_many_fields_and_odd_bytes_are_genuine():
    products = [str(number) for number in range(2000)]
    assert post(signed(lcn(ITEMS=products), "SECRET_KEY", ["sha3-256"])).status_code == 200
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=10, DATA_UPLOAD_MAX_NUMBER_FIELDS=10):
        assert post(signed(lcn(ITEMS=products), "SECRET_KEY", ["sha3-256"])).status_code == 200


IMPOSSIBLE = ["x" * 251, "6\x007", "601\n952421", "\ud800", "\udfff7", "\ufffd", "\u200b", ""]


@pytest.mark.parametrize("reference", IMPOSSIBLE)
@pytest.mark.parametrize("name", ["AVANGATE_CUSTOMER_REFERENCE", "EXTERNAL_CUSTOMER_REFERENCE"])
def test_an_impossible_reference_is_none(name, reference):
    only = {"AVANGATE_CUSTOMER_REFERENCE": "", "EXTERNAL_CUSTOMER_REFERENCE": "", name: "@"}
    text = quote_from_bytes(reference.encode(errors="surrogatepass"))
    fields = signed(lcn(**only), "SECRET_KEY", []).replace(b"=%40", f"={text}".encode())
    message = source(parse(fields, 10_000))
    digest = hmac.new(b"SECRET_KEY", message, "sha3_256").hexdigest()
    assert post(fields + f"&SIGNATURE_SHA3_256={digest}".encode()).status_code == 200
    [line] = Notification.objects.all()
    assert (line.outcome, line.customer_reference, line.external_customer_reference) == ("unnamed", "", "")


def test_a_reference_of_bytes_that_are_no_text(configure):
    configure(SECRET_KEY=KEY)
    body = next(body_of(vector) for vector in GENUINE if vector["name"] == "ipn-invalid-utf8")
    heard = []
    receiver = lambda **facts: heard.append(facts)  # noqa: E731
    signals.notification_received.connect(receiver)
    try:
        assert post(body, IPN).status_code == 200
    finally:
        signals.notification_received.disconnect(receiver)
    assert "\N{REPLACEMENT CHARACTER}" in "".join(map(str, heard[0]["parameters"].values()))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(
            st.tuples(
                st.sampled_from(
                    ["LICENSE_CODE", "A[]", "A[0][x]", "A[", "HASH", "SIGNATURE_SHA3_256", "%00", "IPN_PID[]"]
                ),
                st.text(alphabet="0aé%+&=[]\0", max_size=8),
            )
        ).map(lambda pairs: "&".join(f"{name}={text}" for name, text in pairs).encode()),
        st.integers(0, len(RIGHT) - 1).map(
            lambda place: right()[:place] + bytes([right()[place] ^ 1]) + right()[place + 1 :]
        ),
    )
)
def test_fuzz__no_500_and_no_forgery_is_accepted(body):
    for address in (IPN, LCN):
        answer = post(body, address)
        # A changed name is no forgery: names are not signed.
        if answer.status_code != 400:
            fields = parse(body, 10_000)
            assert verified_by(fields, "SECRET_KEY", ["sha3-256"])
            assert answer.status_code in (200, 422)


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["COMPANY", "CITY", "NEW", "EXPIRATION_DATE", "LICENSE_CODE"]),
        st.recursive(
            st.text(st.characters(codec="utf-8")),
            lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.just("x"), inner, min_size=1),
            max_leaves=5,
        ),
    )
)
def test_fuzz__the_kit_and_the_endpoint_agree(fields):
    signed_fields = parse(signed(lcn(**fields), "SECRET_KEY", ["sha3-256"]), 10_000)
    assert verified_by(signed_fields, "SECRET_KEY", ["sha3-256"])


@pytest.mark.parametrize("address", [IPN, LCN])
def test_probe(address):
    assert Client().get(address).status_code == 200
    assert Client().head(address).status_code == 200
    assert Client().put(address).status_code == 405
    assert outcomes() == []


@pytest.mark.skipif(not apps.is_installed("django.contrib.sessions"), reason="a login needs sessions")
def test_a_login_is_not_required():
    middleware = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    with override_settings(MIDDLEWARE=middleware):
        assert post(right()).status_code == 200
        assert Client().get(IPN).status_code == 200


def test_accounts(configure):
    configure(ACCOUNTS={"us": {"MERCHANT_CODE": "US", "SECRET_KEY": "ANOTHER"}})
    assert reverse("twocheckout:lcn", args=["us"]) == "/2checkout/lcn/us/"
    assert reverse("twocheckout:ipn", kwargs={"account": "us"}) == "/2checkout/ipn/us/"
    ours, theirs = right(), signed(lcn(), "ANOTHER", ["sha3-256"])
    assert [post(body, "/2checkout/lcn/us/").status_code for body in (ours, theirs)] == [400, 200]
    assert [post(body).status_code for body in (ours, theirs)] == [200, 400]
    assert post(ours, "/2checkout/lcn/eu/").status_code == 404
    assert Client().get("/2checkout/lcn/eu/").status_code == 404
    by_account = list(Notification.objects.filter(outcome="").values_list("account", flat=True))
    assert by_account == ["us", "default"]


def test_a_missing_field(caplog):
    answer = post(signed(lcn(without=["EXPIRATION_DATE"]), "SECRET_KEY", ["sha3-256"]))
    assert answer.status_code == 422
    assert b"EXPIRATION_DATE" in answer.content
    assert "a receipt needs expiration_date. tick it in the settings of lcn" in caplog.text.lower()
    assert outcomes() == [""]


@pytest.mark.parametrize("wanted", [True, False])
def test_test_orders(wanted, configure):
    configure(TEST_ORDERS=wanted)
    for name in ("TEST", "TEST_ORDER"):
        assert post(signed(lcn(**{name: "1"}), "SECRET_KEY", ["sha3-256"])).status_code == 200
        assert post(signed(lcn(**{name: "0"}), "SECRET_KEY", ["sha3-256"])).status_code == 200
    assert outcomes() == (["", ""] if wanted else ["test", ""]) * 2


def test_a_wrong_setting(configure, caplog):
    configure(SECRET_KEY="")
    assert post(right()).status_code == 503
    assert "SECRET_KEY" in caplog.text


def test_a_dead_database(monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise OperationalError("the password is secret")

    monkeypatch.setattr(Notification.objects, "using", fail)
    answer = post(right())
    assert (answer.status_code, answer.content) == (503, b"")
    assert post(b"A=1").status_code == 400
    assert "secret" not in caplog.text
    monkeypatch.undo()
    assert outcomes() == []


@pytest.mark.parametrize(
    "error",
    [
        DataError("untranslatable"),  # PostgreSQL in LATIN1
        OperationalError(1366, "Incorrect string value"),  # MariaDB in utf8mb3
        UnicodeEncodeError("ascii", "ł", 0, 1, "no such character"),
    ],
)
def test_a_reference_that_the_database_does_not_have(error, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(QuerySet, "create", fail)
    body = signed(lcn(EXTERNAL_CUSTOMER_REFERENCE="ł-7"), "SECRET_KEY", ["sha3-256"])
    answer = post(body)
    assert (answer.status_code, answer.content) == (400, b"")
    assert "not stored: NotStorable" in caplog.text
    assert "ł-7" not in caplog.text
    monkeypatch.undo()
    assert outcomes() == []


def test_one_insert(django_assert_num_queries, ada):
    with django_assert_num_queries(1) as queries:
        assert post(right()).status_code == 200
    assert queries[0]["sql"].startswith("INSERT")


def test_forged_ones_are_bounded(monkeypatch):
    monkeypatch.setattr(notifications, "MOST_FORGED", 3)
    for _ in range(5):
        assert post(b"A=1").status_code == 400
    assert len(outcomes()) == 3
    assert notifications_overview.overview()[0].forged == 3


def test_signal(ada):
    ada.__class__.objects.filter(pk=ada.pk).update_unmarked(customer_reference="601952421")
    heard = []

    def receiver(**facts):
        heard.append(facts)
        raise RuntimeError

    signals.notification_received.connect(receiver)
    try:
        assert post(signed(lcn(ARRAY=[{"x": "é"}]), "SECRET_KEY", ["sha3-256", "md5"])).status_code == 200
        post(b"A=1")
    finally:
        signals.notification_received.disconnect(receiver)
    [facts] = heard
    assert (facts["sender"], facts["kind"], facts["account"], facts["customer"]) == (Customer, "lcn", "default", ada)
    assert facts["parameters"]["LICENSE_CODE"] == "INV3NT3D01"
    assert facts["parameters"]["ARRAY"] == {"0": {"x": "é"}}
    assert not any("SIGNATURE" in name or name == "HASH" for name in facts["parameters"])
    assert "INV3NT3D01" not in repr(facts["parameters"])


def test_nothing_is_told(caplog):
    caplog.set_level("DEBUG")
    post(right())
    post(right()[:-1])
    assert not re.search("601952421|INV3NT3D01|SECRET_KEY", caplog.text)
    assert "601952421" not in repr(Notification.objects.first())


@pytest.mark.django_db(transaction=True)
def test_a_wakeup_after_the_answer(sent, configure):
    assert post(right()).status_code == 200
    assert post(right()).status_code == 200
    post(b"A=1")
    [message] = sent
    assert (message.task, bool(message.eta)) == ("twocheckout.push_pending", True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("off", [{"PUSH_ON_SAVE": False}, {"ENABLED": False}])
def test_no_wakeup(off, sent, configure):
    configure(**off)
    assert post(right()).status_code == 200
    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_a_transaction_around_each_request_changes_nothing(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    seen = []
    receiver = lambda using, **facts: seen.append(connections[using].in_atomic_block)  # noqa: E731
    signals.notification_received.connect(receiver)
    try:
        assert post(right()).status_code == 200
    finally:
        signals.notification_received.disconnect(receiver)
    assert seen == [False]
