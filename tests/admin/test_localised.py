"""The admin under every setting of languages and formats: what machines read is the same in each of them."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from types import ModuleType

import pytest
from django.utils import translation
from django.utils.formats import reset_format_cache

from django_twocheckout import sync
from django_twocheckout.flows import jobs
from django_twocheckout.models import Customer, Job, Verb

from ..customers import ADA
from .pages import ADD, CARDS, LIST, STATUS, act, form

#: More than any separator of thousands leaves alone.
FIRST_PK = 1_234_567
MANY = 1_234
ODD = {"DECIMAL_SEPARATOR": ",", "NUMBER_GROUPING": 3, "USE_THOUSAND_SEPARATOR": True}
#: The settings, and what a project's own formats say.
SETTINGS = {
    "separators": ({"USE_THOUSAND_SEPARATOR": True}, {}),
    "German": ({"LANGUAGE_CODE": "de", "USE_THOUSAND_SEPARATOR": True}, {}),
    "Romanian": ({"LANGUAGE_CODE": "ro", "USE_THOUSAND_SEPARATOR": True}, {}),
    "French, with a narrow space": ({"LANGUAGE_CODE": "fr", "USE_THOUSAND_SEPARATOR": True}, {}),
    "Hindi": ({"LANGUAGE_CODE": "hi", "USE_THOUSAND_SEPARATOR": True, "NUMBER_GROUPING": (3, 2, 0)}, {}),
    "Hebrew": ({"LANGUAGE_CODE": "he", "USE_THOUSAND_SEPARATOR": True}, {}),
    "Arabic": ({"LANGUAGE_CODE": "ar", "USE_THOUSAND_SEPARATOR": True}, {}),
    "Persian": ({"LANGUAGE_CODE": "fa", "USE_THOUSAND_SEPARATOR": True}, {}),
    "markup between the digits": ({"USE_THOUSAND_SEPARATOR": True}, {**ODD, "THOUSAND_SEPARATOR": "<b>\"'&"}),
    "blanks between the digits": ({"USE_THOUSAND_SEPARATOR": True}, {**ODD, "THOUSAND_SEPARATOR": " "}),
    "odd dates": (
        {"USE_THOUSAND_SEPARATOR": True},
        {"DATE_FORMAT": "\\<j.n.y", "DATETIME_FORMAT": "H\\hi", "TIME_FORMAT": "\\%s"},
    ),
    "no languages": ({"USE_I18N": False, "USE_THOUSAND_SEPARATOR": True}, {}),
    "no languages, and a right-to-left one": ({"USE_I18N": False, "LANGUAGE_CODE": "ar"}, {}),
    "no time zones": ({"USE_THOUSAND_SEPARATOR": True, "TIME_ZONE": "Asia/Tehran"}, {}),
}
#: What a machine reads, by element. Texts for people stand elsewhere.
READ = {
    "a": ["href"],
    "form": ["action", "id"],
    "input": ["name", "value", "id", "aria-describedby"],
    "label": ["for"],
    "progress": ["max", "value"],
    "rect": ["x", "y", "width", "height"],
    "svg": ["viewBox"],
    "line": ["x1", "x2", "y1", "y2"],
    "span": ["data-actions-icnt"],
    "td": ["id"],
    "time": ["datetime"],
}
#: Signed or made anew on each page.
SEALED = {"csrfmiddlewaretoken", "found", "seen", "card", "external_customer_reference"}


class Machine(HTMLParser):
    """What a machine reads of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.read: list[tuple[str, ...]] = []
        self.sealed: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "input" and (
            (found.get("name") or "").removeprefix("initial-") in SEALED or found.get("type") in ("submit", "reset")
        ):
            self.sealed[found.get("name") or ""] = found.pop("value", None) or ""
        if tag == "time":
            found["datetime"] = found["datetime"][:4]  # the zone is the project's
        for name in READ.get(tag, []):
            if found.get(name) is not None:
                self.read.append((tag, name, found[name]))


@pytest.fixture
def localised(settings, monkeypatch):
    def use(values, own_formats):
        if own_formats:
            module = ModuleType("own_formats.en.formats")
            vars(module).update(own_formats)
            monkeypatch.setitem(sys.modules, module.__name__, module)
            settings.FORMAT_MODULE_PATH = "own_formats"
        for name, value in values.items():
            setattr(settings, name, value)
        monkeypatch.setattr(translation, "_trans", type(translation._trans)())  # it remembers USE_I18N
        reset_format_cache()

    yield use
    reset_format_cache()


@pytest.fixture
def pages(admin_client, twocheckout):
    """The addresses of all pages, with more rows and higher keys than have no separator."""
    ada, gone = (Customer.objects.create(pk=FIRST_PK + n, **ADA) for n in range(2))
    for customer in (ada, gone):
        sync.push(customer)
    twocheckout.add_card(ada.customer_reference, "Visa", "1111", "12/2029")
    twocheckout.edit(ada.customer_reference, City="Paris")
    Job.objects.create(pk=FIRST_PK, verb=Verb.PULL, total=0)
    twocheckout.forget(gone.customer_reference)
    ended = jobs.begin(Verb.PULL, [gone.pk])
    sync.sweep()
    rows = [Customer(pk=FIRST_PK + 10 + n, **ADA) for n in range(MANY)]
    Customer.objects.bulk_create(rows)
    many = jobs.begin(Verb.PUSH, [row.pk for row in rows])
    job = "/admin/twocheckout/job/"
    return [
        LIST, f"{LIST}add/", form(ada), form(gone), f"{LIST}{ada.pk}/history/", f"{LIST}{ada.pk}/delete/",
        f"{LIST}{ada.pk}/differences/", f"{LIST}{gone.pk}/link/", f"{CARDS}?customer={ada.pk}", STATUS, ADD,
        job, f"{job}{ended.pk}/change/", f"{job}{many.pk}/change/",
    ]  # fmt: skip


@pytest.mark.parametrize(("values", "own_formats"), SETTINGS.values(), ids=SETTINGS)
def test_what_machines_read(admin_client, pages, twocheckout, localised, values, own_formats):
    chosen = list(Customer.objects.order_by("-pk")[:60])

    def read():
        answers = {page: admin_client.get(page) for page in pages}
        answers["confirmation"] = act(admin_client, "push_now", *chosen)
        assert {page: answer.status_code for page, answer in answers.items()} == dict.fromkeys(answers, 200)
        return {page: Machine(answer.content.decode()) for page, answer in answers.items()}

    plain = read()
    localised(values, own_formats)
    found = read()
    for page in plain:
        # Some are in the order of their words.
        assert sorted(found[page].read) == sorted(plain[page].read), page
    assert ("progress", "max", str(MANY)) in found[pages[-1]].read

    [ada] = Customer.objects.filter(pk=FIRST_PK)
    cards, differences = f"{CARDS}?customer={ada.pk}", f"{LIST}{ada.pk}/differences/"
    admin_client.post(differences, {"seen": found[differences].sealed["seen"], "field-City": "remote"})
    ada.refresh_from_db()
    assert ada.city == "Paris"
    admin_client.post(cards, {"card": found[cards].sealed["card"], "confirmed": "yes"})
    assert twocheckout.cards(ada.customer_reference) == []
