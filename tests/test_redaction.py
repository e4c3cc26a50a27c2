"""No value in any repr, and none in what an error reporter finds in the frames that an exception came through."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import inspect
import io
import logging
import pkgutil
import re
from collections.abc import Mapping

import pytest
from django.db import DataError, OperationalError, connection, models
from django.forms import BaseForm
from rest_framework.serializers import BaseSerializer

import django_twocheckout
from django_twocheckout import exceptions, sync
from django_twocheckout.admin.display.subscriptions import SubscriptionWords
from django_twocheckout.admin.pages.account import SignOnRedirect
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.client.signature import Signature
from django_twocheckout.conf import ConfigurationError
from django_twocheckout.exceptions import NotFound, RequestRejected, TwoCheckoutError, UnreadableAnswer
from django_twocheckout.models import Customer, SyncState
from django_twocheckout.redaction import RedactedDict
from django_twocheckout.testing import Behaviour, FakeTwoCheckout, Fault
from django_twocheckout.testing.faults import ConnectionCut
from django_twocheckout.webhooks.form import Array

from .customers import ADA, claim_of

MARK = "ada-s3ntinel"


def modules():
    yield django_twocheckout
    for found in pkgutil.walk_packages(django_twocheckout.__path__, "django_twocheckout."):
        # What needs pytest, drf-spectacular or django-import-export, and the fake as a program.
        left_out = (".__main__", ".plugin", ".schema", ".resources")
        if not found.name.endswith(left_out) and ".migrations" not in found.name:
            yield importlib.import_module(found.name)


CLASSES = sorted(
    {
        item
        for module in modules()
        for item in vars(module).values()
        if inspect.isclass(item) and item.__module__ == module.__name__
    },
    key=lambda item: (item.__module__, item.__qualname__),
)


NUMBERS_AND_FIXED_WORDS = r"((bool|int|float|None|Literal\[[^]]*\])( \| )?)+"

#: What says one of a few fixed words, by class: they are no values.
FIXED = {"LoggedRequest": {"method": "GET", "fault": "503"}, "Sent": {"kind": "LCN"}}


class Sample:
    """Stands for anything that a field holds and that has no repr of its own to hide behind."""

    def __repr__(self):
        return MARK


def fill(kind):
    """An instance of a dataclass with a mark in each of its fields, as a text, in a list and in a dictionary."""
    fields = [field for field in dataclasses.fields(kind) if field.init]
    fixed = {field.name: 1 for field in fields if re.fullmatch(NUMBERS_AND_FIXED_WORDS, field.type)}
    fixed |= FIXED.get(kind.__name__, {})
    for value in (MARK, [MARK], {"Email": MARK}, (MARK, {MARK}), [{"Email": MARK}], frozenset({MARK}), Sample()):
        yield kind(**{field.name: fixed.get(field.name, value) for field in fields})


def row(kind):
    texts = (models.CharField, models.TextField, models.JSONField)
    instance = kind(pk=4711)
    for field in kind._meta.concrete_fields:
        if isinstance(field, texts):
            setattr(instance, field.attname, [{"Email": MARK}] if isinstance(field, models.JSONField) else MARK)
    yield instance


def error_of(kind):
    facts = {"vendor_message": MARK, "code": MARK}
    if kind is exceptions.CardNotDeleted:
        facts["reasons"] = (exceptions.CardRefusal(MARK, MARK, MARK),)
    yield kind("GET customers/…/: 404", **facts)


def full(kind):
    array = kind()
    array.put(MARK.encode(), MARK.encode())
    return array


def asked(kind):
    words = kind()
    words._by_customer[4711] = {MARK: MARK}
    return words


#: The classes that need more to be made than their fields.
MAKERS = {
    RedactedDict: lambda kind: [kind(Email=MARK, cards=[{"token": MARK}])],
    TwoCheckoutClient: lambda kind: [kind(merchant_code="CODE", secret_key=MARK)],
    Signature: lambda kind: [kind("CODE", MARK, "sha256")],
    FakeTwoCheckout: lambda kind: [kind(MARK, MARK)],
    Fault: lambda kind: [kind(500, MARK, {"X-Request": MARK})],
    Behaviour: lambda kind: [kind(retry_after=MARK, refused_fiscal_codes=frozenset({MARK}))],
    Array: lambda kind: [full(kind)],
    ConnectionCut: lambda kind: [kind(MARK.encode())],
    SignOnRedirect: lambda kind: [kind(f"https://secure.2checkout.com/{MARK}")],
    SubscriptionWords: lambda kind: [asked(kind)],
}


def instances(kind):
    """Instances of the class that are full of values; None if the class carries none."""
    if kind in MAKERS:
        return MAKERS[kind](kind)
    if dataclasses.is_dataclass(kind):
        return fill(kind)
    if issubclass(kind, models.Model) and not kind._meta.abstract:
        return row(kind)
    if issubclass(kind, TwoCheckoutError):
        return error_of(kind)
    if issubclass(kind, BaseForm):
        return [kind(dict.fromkeys(kind.base_fields, MARK))]
    if issubclass(kind, BaseSerializer):
        return [kind(data={"Email": MARK}), kind(Customer(email=MARK), context={"token": MARK})]
    return None


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_no_repr_has_a_value(kind):
    made = instances(kind)
    if made is None:
        # What is no dataclass and has no repr of its own shows where it is in memory, or is no carrier.
        own = kind.__repr__
        assert not (inspect.isfunction(own) and own.__module__.startswith("django_twocheckout.")), kind
        return
    for instance in made:
        assert MARK not in repr(instance), repr(instance)
        if type(instance).__str__ is object.__str__ or isinstance(instance, TwoCheckoutError | dict):
            assert MARK not in str(instance)
        if isinstance(instance, dict):
            assert MARK not in type(instance).__sentry_repr__(instance)


def test_a_repr_shows_what_is_no_value(ada):
    claim = claim_of(ada)
    assert repr(ada) == f"<Customer pk={ada.pk}>"
    assert repr(claim).startswith(f"<Claim pk={ada.pk} ")
    assert "local=15" in repr(claim)
    assert "first_name" in repr(claim.values)


def test_words_are_for_people_and_a_message_is_not_for_reporters():
    error = RequestRejected("PUT customers/…/: 400", vendor_message=f"{MARK} is refused")
    assert error.vendor_message == f"{MARK} is refused"
    assert error.words == f"{MARK} is refused"
    assert error.words


# What an error reporter finds.


def shown(value, depth=6):
    """What Sentry makes of a local variable: it looks into collections and has the repr of the rest."""
    if depth and callable(report_text := getattr(type(value), "__sentry_repr__", None)):
        return report_text(value)
    if depth and isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {shown(item, depth - 1)}" for name, item in value.items()) + "}"
    if depth and isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(shown(item, depth - 1) for item in value) + "]"
    return repr(value)


def report(error):
    """The texts, notes and local variables of the exception and all that it is linked to, our caller's frame apart."""
    report_text, linked = io.StringIO(), [error]
    report_text.write(str(getattr(error, "message", "") or error))  # as Sentry does
    while linked:
        error = linked.pop()
        report_text.write(f"{error!r} {getattr(error, '__notes__', '')}\n")
        frames = error.__traceback__
        while frames is not None:
            if frames.tb_frame.f_globals["__name__"] != __name__:
                report_text.write(f"{frames.tb_frame.f_code.co_qualname} {shown(dict(frames.tb_frame.f_locals))}\n")
            frames = frames.tb_next
        linked += [other for other in (error.__cause__, error.__context__) if other is not None]
    return report_text.getvalue()


PRIVATE = ["Lovelace", "St James", "ada@example.org", "SECRET_KEY'", MARK]


@contextlib.contextmanager
def raises(kind):
    with pytest.raises(kind) as caught:
        yield caught
    text = report(caught.value)
    for name in ("TWOCHECKOUT['SECRET_KEY']", "name: 'SECRET_KEY'"):  # the setting's name, which is also its value here
        text = text.replace(name, "")
    for value in PRIVATE:
        assert value not in text, text


@pytest.fixture
def at_2checkout(twocheckout, ada):
    """A customer that both sides have, under a reference that is an e-mail address, and with a card."""
    ada.external_customer_reference = "ada@example.org"
    ada.save()
    sync.push(ada)
    assert ada.sync_state == SyncState.SYNCED
    twocheckout.add_card(ada.customer_reference, subscription="AB12")
    return ada


ANSWER = '{"error_code": "E", "message": "ada@example.org is refused"}'
OURS = "ada@example.org"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "act",
    [
        lambda customer: sync.pull(customer),
        lambda customer: sync.compare(customer),
        lambda customer: sync.resolve(customer, {"Email": sync.Choice("local", OURS, OURS)}),
        lambda customer: sync.cards(customer),
        lambda customer: sync.delete_card(customer, MARK),
        lambda customer: sync.find(OURS),
        lambda customer: sync.add(OURS, customer_reference=OURS),
    ],
    ids=["pull", "compare", "resolve", "cards", "delete_card", "find", "add"],
)
def test_what_2checkout_refuses_is_reported_without_values(twocheckout, at_2checkout, act):
    for fault in (
        Fault(404, ANSWER),
        Fault(400, ANSWER),
        Fault(200, ANSWER),
        Fault(200, "no JSON"),
        Fault(cut="reset"),
    ):
        twocheckout.heal()
        twocheckout.fail(fault, times=9)
        if act.__code__.co_names[1] == "delete_card" and fault.status == 404:
            continue  # a card that is gone is what was asked for
        with raises(TwoCheckoutError):
            act(at_2checkout)


@pytest.mark.django_db(transaction=True)
def test_a_card_that_stays_is_reported_without_its_token(twocheckout, at_2checkout):
    (card,) = sync.cards(at_2checkout)
    with raises(RequestRejected) as caught:
        sync.delete_card(at_2checkout, card.token)
    assert card.token not in report(caught.value)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["compare", "cards", "find"])
def test_a_bug_below_the_client_is_reported_by_its_place(twocheckout, at_2checkout, monkeypatch, act):
    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", lambda *args, **options: 1 / 0)
    with raises(ZeroDivisionError) as caught:
        getattr(sync, act)("ada@example.org" if act == "find" else at_2checkout)
    assert "in _request" in caught.value.__notes__[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", [sync.push, lambda customer: sync.delete_card(customer, MARK)])
def test_the_frames_that_are_alive_when_a_bug_is_logged_show_no_value(twocheckout, at_2checkout, monkeypatch, act):
    shown_at = []

    def look(record):
        frame = inspect.currentframe()
        while frame := frame.f_back:
            if frame.f_globals["__name__"].startswith("django_twocheckout."):
                shown_at.append(f"{frame.f_code.co_qualname} {shown(dict(frame.f_locals))}")
        return True

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", lambda *args, **options: 1 / 0)
    at_2checkout.city = "Ockham"
    at_2checkout.save()
    monkeypatch.setattr(logging.getLogger("twocheckout"), "filters", [look])
    with contextlib.suppress(TwoCheckoutError):
        act(at_2checkout)
    text = "\n".join(shown_at)
    assert text.startswith("run_guarded ")
    assert not [value for value in [*PRIVATE, "Ockham"] if value in text], text


@pytest.mark.django_db(transaction=True)
def test_the_receiver_of_a_failure_gets_no_frames(twocheckout, ada):
    errors = []
    listen = lambda error, **facts: errors.append(error)  # noqa: E731
    django_twocheckout.signals.customer_push_failed.connect(listen)
    try:
        for fault in (Fault(400, ANSWER), Fault(200, ANSWER), Fault(500, ANSWER), Fault(cut="half")):
            twocheckout.fail(fault, times=3)
            sync.push(ada)
            twocheckout.heal()
    finally:
        django_twocheckout.signals.customer_push_failed.disconnect(listen)
    assert len(errors) == 4
    for error in errors:
        assert not [value for value in PRIVATE if value in report(error)]


def failing(error, statement, then=""):
    def wrapper(execute, sql, params, many, context):
        if sql.startswith(statement) and then in sql:
            raise error
        return execute(sql, params, many, context)

    return connection.execute_wrapper(wrapper)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError("gone"), DataError("too long")])
def test_the_database_fails_while_rows_are_claimed(twocheckout, ada, error):
    in_doubt = [{**dict.fromkeys(Customer.PUSHED_FIELDS, ""), **ADA, "city": "Ockham"}]
    Customer.objects.update_unmarked(in_doubt=in_doubt)
    with failing(error, "UPDATE", "in_doubt"), raises(type(error)) as caught:
        sync.push(ada)
    assert "leases.py" in caught.value.__notes__[0]
    with failing(error, "UPDATE", "in_doubt"), raises(type(error)):
        sync.push_pending()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError("gone"), DataError("too long")])
def test_the_database_fails_while_rows_are_settled(twocheckout, ada, error, caplog):
    with failing(error, "UPDATE", "acknowledged"):
        sync.push(ada)
    assert not [line for line in caplog.records if line.exc_info or line.stack_info]
    assert not [value for value in PRIVATE if value in caplog.text]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "wrong",
    [
        {"BASE_URL": "http://example.org/"},
        {"BASE_URL": 7},
        {"BASE_URL": ["http://127.0.0.1/"]},
        {"HASH_ALGORITHM": "md5"},
        {"TIMEOUT": -1},
        {"MERCHANT_CODE": "a b"},
        {"SECRET_KEY": f" {MARK}"},
        {"MERCHANT_CODE": None},
    ],
)
def test_a_wrong_setting_is_reported_without_the_key(settings, configure, ada, wrong):
    configure(**{"SECRET_KEY": MARK, **wrong})
    if wrong.get("MERCHANT_CODE", "") is None:
        del settings.TWOCHECKOUT["MERCHANT_CODE"]
    for act in (lambda: sync.push(ada), sync.push_pending, lambda: sync.pull(ada), lambda: sync.find("1")):
        Customer.objects.mark_pending()
        with raises(ConfigurationError):
            act()


def test_the_fake_vendors_log_has_no_reference_that_is_an_address(twocheckout, client):
    with pytest.raises((NotFound, UnreadableAnswer)):
        TwoCheckoutClient(
            merchant_code=twocheckout.merchant_code, secret_key=twocheckout.secret_key, base_url=twocheckout.url
        ).retrieve_customer("ada@example.org")
    assert str(twocheckout.requests[0]) == "#1 GET /rest/6.0/customers/…/ -> 404"
