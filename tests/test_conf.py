from __future__ import annotations

import json
import re
import traceback
from functools import partial
from html import unescape
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_twocheckout import sync
from django_twocheckout.checks import check_settings
from django_twocheckout.client import BASE_URL, HASH_ALGORITHMS, TwoCheckoutClient
from django_twocheckout.conf import KNOWN, REQUIRED, SETTINGS, ConfigurationError, conf, parsed_rate
from django_twocheckout.engine.clients import current_client
from django_twocheckout.exceptions import TwoCheckoutError
from django_twocheckout.flows.push import push_due
from django_twocheckout.models import Customer

from .customers import ADA

README = Path(__file__).resolve().parent.parent / "README.md"
STATUS = "/admin/twocheckout/customer/status/"
CODE, KEY = "Cd-250111206876", "Zx9-most-secret-Qy7"
GOOD = {"MERCHANT_CODE": CODE, "SECRET_KEY": KEY}

RIGHT = [
    {"MERCHANT_CODE": "x" * 128},
    {"BASE_URL": "https://api.2checkout.com/rest/6.0"},
    {"BASE_URL": "HTTPS://API.example.org:8443/"},
    {"BASE_URL": "https://10.0.0.7/rest/"},
    {"BASE_URL": "http://localhost:8600/rest/6.0/"},
    {"BASE_URL": "http://127.0.0.1:8600/"},
    {"BASE_URL": "http://[::1]:8600/"},
    {"HASH_ALGORITHM": "sha256"},
    {"TIMEOUT": 30},
    {"TIMEOUT": 0.5},
    {"TIMEOUT": (1, 2.5)},
    {"TIMEOUT": [1, 2]},
    {"REFERENCE_PREFIX": "shop-1-"},
    {"CONFLICT": "remote"},
    {"READ_BEFORE_WRITE": False, "END_USER_UPDATE": True, "CARDS_BY_SSO": False, "PUSH_ON_SAVE": False},
    {"BATCH_SIZE": 1, "CONCURRENCY": 1, "MAX_ATTEMPTS": 1, "CONFIRM_ROWS": 1_000_000_000},
    {"HISTORY_DAYS": 0},
    {"QUEUE": "billing"},
    {"RATE_LIMIT": "10/s"},
    {"RATE_LIMIT": None},
    {"CLIENT": "tests.clients.OurClient"},
    {"DISPATCH": "none"},
    {"DISPATCH": "tests.queues.note"},
    {"EXCLUDE_FIELDS": ("phone", "existing_cards")},
    {"EXCLUDE_FIELDS": ["company", "fiscal_code"]},
    {"ACCOUNTS": {"us": {"MERCHANT_CODE": "B", "SECRET_KEY": "k", "TIMEOUT": 9, "REFERENCE_PREFIX": "us-"}}},
]

WRONG = [
    *({name: None} for name in KNOWN if name not in ("RATE_LIMIT", "QUEUE")),
    *({name: ...} for name in KNOWN),
    {"MERCHANT_CODE": ""},
    {"MERCHANT_CODE": 250111206876},
    {"MERCHANT_CODE": "two words"},
    {"MERCHANT_CODE": 'a"b'},
    {"MERCHANT_CODE": "Łódź"},
    {"MERCHANT_CODE": "x" * 129},
    {"SECRET_KEY": ""},
    {"SECRET_KEY": b"bytes"},
    {"SECRET_KEY": "blank at its end "},
    {"SECRET_KEY": "\ud800"},
    {"BASE_URL": 5},
    {"BASE_URL": ""},
    {"BASE_URL": b"https://api.2checkout.com/rest/6.0/"},
    {"BASE_URL": "nonsense"},
    {"BASE_URL": "//api.2checkout.com/"},
    {"BASE_URL": "ftp://localhost/"},
    {"BASE_URL": "http://api.2checkout.com/rest/6.0/"},
    {"BASE_URL": "http://localhost.example.org/"},
    {"BASE_URL": "https://"},
    {"BASE_URL": "https://."},
    {"BASE_URL": "https://*"},
    {"BASE_URL": "https://*.2checkout.com/"},
    {"BASE_URL": "https://a..b/"},
    {"BASE_URL": "https://-a.example.org/"},
    {"BASE_URL": f"https://{'a' * 64}.example.org/"},
    {"BASE_URL": "https://256.1.1.1/"},
    {"BASE_URL": "https://[::1/"},
    {"BASE_URL": "https://api.2checkout.com/rest/6.0/?"},
    {"BASE_URL": "https://api.2checkout.com/rest/6.0/#"},
    {"BASE_URL": "https://api.2checkout.com/rest/6.0/?a=b"},
    {"BASE_URL": "https://user:word@api.2checkout.com/"},
    {"BASE_URL": "https://@api.2checkout.com/"},
    {"BASE_URL": "https://api.2checkout.com:/"},
    {"BASE_URL": "https://api.2checkout.com:0/"},
    {"BASE_URL": "https://api.2checkout.com:99999/"},
    {"BASE_URL": "https://api.2checkout.com:port/"},
    {"BASE_URL": " https://api.2checkout.com/"},
    {"BASE_URL": "https://api.2checkout.com/\n"},
    {"BASE_URL": "https://api.2checkout.com\\rest/"},
    {"HASH_ALGORITHM": "md5"},
    {"HASH_ALGORITHM": "sha3_256"},
    {"HASH_ALGORITHM": ["sha256"]},
    {"TIMEOUT": 0},
    {"TIMEOUT": True},
    {"TIMEOUT": "5"},
    {"TIMEOUT": ()},
    {"TIMEOUT": (1, 2, 3)},
    {"TIMEOUT": (1, 0)},
    {"TIMEOUT": (1, None)},
    {"TIMEOUT": float("nan")},
    {"TIMEOUT": float("inf")},
    {"TIMEOUT": 10**400},
    {"REFERENCE_PREFIX": ""},
    {"REFERENCE_PREFIX": 12},
    {"REFERENCE_PREFIX": "12"},
    {"REFERENCE_PREFIX": " a"},
    {"REFERENCE_PREFIX": "a\0b"},
    {"REFERENCE_PREFIX": "x" * 201},
    {"CONFLICT": "mine"},
    {"CONFLICT": ["local"]},
    {"READ_BEFORE_WRITE": "yes"},
    {"CARDS_BY_SSO": "no"},
    {"PUSH_ON_SAVE": 1},
    {"END_USER_UPDATE": 0},
    {"BATCH_SIZE": 0},
    {"BATCH_SIZE": "100"},
    {"BATCH_SIZE": 10**20},
    {"CONCURRENCY": True},
    {"CONCURRENCY": 2.0},
    {"MAX_ATTEMPTS": "3"},
    {"HISTORY_DAYS": -1},
    {"HISTORY_DAYS": False},
    {"HISTORY_DAYS": 10**9},
    {"CONFIRM_ROWS": -5},
    {"QUEUE": ""},
    {"QUEUE": " "},
    {"QUEUE": 7},
    {"QUEUE": "x" * 256},
    {"RATE_LIMIT": 10},
    {"RATE_LIMIT": "fast"},
    {"ENABLED": 1},
    {"CLIENT": "no.such.Client"},
    {"CLIENT": "tests.customers.change"},
    {"CLIENT": "builtins.dict"},
    {"DISPATCH": "celerie"},
    {"DISPATCH": "no.such.wake"},
    {"DISPATCH": "tests.queues.NOTHING"},
    {"DISPATCH": "tests.queues.no_such"},
    {"DISPATCH": ["celery"]},
    {"EXCLUDE_FIELDS": "phone"},
    {"EXCLUDE_FIELDS": (7,)},
    {"EXCLUDE_FIELDS": ("fone",)},
    {"EXCLUDE_FIELDS": ("phone", "email")},
    {"EXCLUDE_FIELDS": ("external_customer_reference",)},
    {"EXCLUDE_FIELDS": ("customer_reference",)},
    {"EXCLUDE_FIELDS": ("company",)},
    {"ACCOUNTS": []},
    {"ACCOUNTS": {"us": None}},
    {"ACCOUNTS": {"us": {}}},
    {"ACCOUNTS": {"default": {"MERCHANT_CODE": "B", "SECRET_KEY": "k"}}},
    {"ACCOUNTS": {"u s": {"MERCHANT_CODE": "B", "SECRET_KEY": "k"}}},
    {"ACCOUNTS": {7: {"MERCHANT_CODE": "B", "SECRET_KEY": "k"}}},
    {"ACCOUNTS": {"us": {"MERCHANT_CODE": "B"}}},
    {"ACCOUNTS": {"us": {"MERCHANT_CODE": CODE, "SECRET_KEY": "k"}}},
    {"ACCOUNTS": {name: {"MERCHANT_CODE": "B", "SECRET_KEY": "k"} for name in ("us", "eu")}},
    {"ACCOUNTS": {"us": {"MERCHANT_CODE": "B", "SECRET_KEY": "k", "TIMEOUT": 0}}},
    {"ACCOUNTS": {"us": {"MERCHANT_CODE": "B", "SECRET_KEY": "k", "TIMEOT": 5}}},
    *(
        {"ACCOUNTS": {"us": {"MERCHANT_CODE": "B", "SECRET_KEY": "k", name: setting.default}}}
        for name, setting in SETTINGS.items()
        if not setting.own
    ),
]


# How they are read.


def test_defaults(settings):
    settings.TWOCHECKOUT = {}
    assert {name: getattr(conf, name) for name in KNOWN if name not in REQUIRED} == {
        "BASE_URL": "https://api.2checkout.com/rest/6.0/",
        "HASH_ALGORITHM": "sha3-256",
        "TIMEOUT": (5, 30),
        "REFERENCE_PREFIX": "dj-",
        "READ_BEFORE_WRITE": True,
        "CONFLICT": "local",
        "END_USER_UPDATE": False,
        "CARDS_BY_SSO": True,
        "PUSH_ON_SAVE": True,
        "BATCH_SIZE": 100,
        "CONCURRENCY": 4,
        "RATE_LIMIT": None,
        "MAX_ATTEMPTS": 14,
        "HISTORY_DAYS": 90,
        "CONFIRM_ROWS": 50,
        "QUEUE": None,
        "ENABLED": True,
        "CLIENT": "django_twocheckout.client.TwoCheckoutClient",
        "NOTIFICATION_ALGORITHMS": ("sha3-256", "sha256"),
        "TEST_ORDERS": False,
        "IMPORT_UNKNOWN": False,
        "DISPATCH": "celery",
        "EXCLUDE_FIELDS": (),
        "ACCOUNTS": {},
    }
    assert REQUIRED == ("MERCHANT_CODE", "SECRET_KEY")


def test_read_afresh_each_time(settings):
    settings.TWOCHECKOUT = {"TIMEOUT": 1}
    assert conf.TIMEOUT == 1
    settings.TWOCHECKOUT = {"TIMEOUT": 2}
    assert conf.TIMEOUT == 2
    settings.TWOCHECKOUT["TIMEOUT"] = 3
    assert conf.TIMEOUT == 3
    settings.TWOCHECKOUT["TIMEOUT"] = "3"
    with pytest.raises(ConfigurationError, match="TIMEOUT"):
        _ = conf.TIMEOUT


def test_an_account_has_its_own_keys_over_the_others(settings):
    own = {"MERCHANT_CODE": "B", "SECRET_KEY": "k", "TIMEOUT": 9}
    settings.TWOCHECKOUT = {**GOOD, "TIMEOUT": 3, "BATCH_SIZE": 7, "ACCOUNTS": {"us": own}}
    us = conf.of("us")
    assert (us.MERCHANT_CODE, us.SECRET_KEY, us.TIMEOUT, us.BATCH_SIZE) == ("B", "k", 9, 7)
    assert (conf.of("default"), conf.MERCHANT_CODE, conf.TIMEOUT) == (conf, CODE, 3)
    assert conf.aliases() == ["default", "us"]
    own["TIMEOUT"] = 4
    assert us.TIMEOUT == 4
    with pytest.raises(ConfigurationError, match="no account 'eu'"):
        conf.of("eu")
    settings.TWOCHECKOUT = {"ACCOUNTS": {"us": own}}
    assert (conf.aliases(), check_settings()) == (["us"], [])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("celerie", '"celery", "none", or the dotted path of a function'),
        ("no.such.wake", "importing this one raises ModuleNotFoundError"),
        ("tests.queues.no_such", "importing this one raises ImportError"),
        ("tests.queues.NOTHING", "this one is no function"),
    ],
)
def test_the_words_about_dispatch(settings, path, words):
    settings.TWOCHECKOUT = {**GOOD, "DISPATCH": path}
    [message] = check_settings()
    assert (message.id, words in message.hint) == ("twocheckout.E006", True)


@pytest.mark.parametrize(
    ("excluded", "words"),
    [
        ("fone", "'fone' is none: did you mean 'phone'?"),
        ("sync_state", "fields that are exchanged with 2Checkout; 'sync_state' is none"),
        ("zip", "2Checkout requires 'zip'"),
        ("external_customer_reference", "is what a customer is found by"),
        ("company", "'fiscal_code' beside 'company'"),
    ],
)
def test_the_words_about_an_excluded_field(settings, excluded, words):
    settings.TWOCHECKOUT = {**GOOD, "EXCLUDE_FIELDS": (excluded,)}
    [message] = check_settings()
    assert words in message.hint


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"TIMEOT": 5}, "did you mean 'TIMEOUT'"),
        ({"HISTORY_DAYS": 5}, "all accounts share it"),
        ({"TIMEOUT": 0}, "another TIMEOUT for 'us': seconds above 0"),
        ({"SECRET_KEY": ""}, "a SECRET_KEY of its own for 'us'"),
        ({"MERCHANT_CODE": CODE}, "'default' and 'us' have the same"),
    ],
)
def test_the_words_about_an_account(settings, own, words):
    settings.TWOCHECKOUT = {**GOOD, "ACCOUNTS": {"us": {"MERCHANT_CODE": "B", "SECRET_KEY": KEY, **own}}}
    with pytest.raises(ConfigurationError) as refusal:
        _ = conf.ACCOUNTS
    assert words in str(refusal.value)
    assert KEY not in str(refusal.value)
    assert CODE not in str(refusal.value)


def test_the_admin_shows_the_names_of_accounts_alone(admin_client, settings):
    settings.TWOCHECKOUT = {**GOOD, "ACCOUNTS": {"us": {"MERCHANT_CODE": "B", "SECRET_KEY": "Most-secret-7"}}}
    page = unescape(admin_client.get(STATUS).content.decode())
    assert "['us']" in page
    assert "Most-secret-7" not in page


def test_what_only_equals_a_right_value_is_looked_at(settings):
    settings.TWOCHECKOUT = {"BATCH_SIZE": 1}
    assert conf.BATCH_SIZE == 1
    settings.TWOCHECKOUT = {"BATCH_SIZE": True}
    with pytest.raises(ConfigurationError, match="BATCH_SIZE"):
        _ = conf.BATCH_SIZE


@pytest.mark.parametrize("given", [None, {}, "nonsense"])
def test_missing(settings, given):
    settings.TWOCHECKOUT = given
    with pytest.raises(ConfigurationError, match=r"TWOCHECKOUT\['SECRET_KEY'\] is not set"):
        _ = conf.SECRET_KEY
    del settings.TWOCHECKOUT
    assert conf.CONFLICT == "local"


def test_a_wrong_setting_is_no_trouble_with_2checkout():
    assert not issubclass(ConfigurationError, TwoCheckoutError)
    assert issubclass(ConfigurationError, ImproperlyConfigured)


# Which values are right.


@pytest.mark.parametrize("right", RIGHT, ids=str)
def test_right(settings, right):
    settings.TWOCHECKOUT = {**GOOD, **right}
    assert {name: getattr(conf, name) for name in right} == right
    assert check_settings() == []
    # The client, which has its own rules for a script without Django, takes what is right here.
    assert isinstance(current_client("default"), TwoCheckoutClient)


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_wrong(settings, wrong):
    settings.TWOCHECKOUT = {**GOOD, **wrong}
    [(name, value)] = wrong.items()
    for read in (lambda: getattr(conf, name), conf.check, partial(current_client, "default")):
        with pytest.raises(ConfigurationError) as caught:
            read()
        assert str(caught.value).startswith(f"TWOCHECKOUT['{name}'] is ")
    [message] = check_settings()
    assert name in message.msg
    assert message.id == (
        "twocheckout.E003"
        if name in REQUIRED and not value
        else {"BASE_URL": "twocheckout.E004", "HASH_ALGORITHM": "twocheckout.E005"}.get(name, "twocheckout.E006")
    )
    assert message.hint


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("10/s", (10, 1)),
        ("10/sec", (10, 1)),
        ("10/second", (10, 1)),
        ("300/m", (300, 60)),
        ("300/min", (300, 60)),
        ("300/minute", (300, 60)),
        ("1000/hour", (1000, 3600)),
        ("1000/hours", (1000, 3600)),
        ("5000/d", (5000, 86400)),
        ("5000/day", (5000, 86400)),
    ],
)
def test_rate(settings, text, parsed):
    settings.TWOCHECKOUT = {**GOOD, "RATE_LIMIT": text}
    assert parsed_rate(str(conf.RATE_LIMIT)) == parsed
    assert check_settings() == []


@pytest.mark.parametrize(
    "text",
    [
        *("", "10", "10/", "/s", "0/s", "00/s", "+1/s", "-1/s", "1.5/s", "1e3/s", "٣/s", "10 /s", "10/ s", "10/s "),
        *("10/s\n", "10/S", "10/week", "10/month", "10/ms", "10/10s", "10/s/s", "10/s2", "9" * 5000 + "/s"),
        *(b"10/s", 10, 0, False),
    ],
    ids=lambda text: repr(text)[:20],
)
def test_rate__wrong(settings, text):
    settings.TWOCHECKOUT = {**GOOD, "RATE_LIMIT": text}
    with pytest.raises(ConfigurationError, match=r"'RATE_LIMIT'.*such as"):
        _ = conf.RATE_LIMIT
    if isinstance(text, str):
        with pytest.raises(ValueError):
            parsed_rate(text)


def test_rate__of_a_day_is_kept(db, twocheckout, configure):
    for _ in range(3):
        Customer.objects.create(**ADA)
    configure(RATE_LIMIT="2/day", READ_BEFORE_WRITE=False)
    sweep = sync.push_pending()
    assert (sweep.pushed, len(twocheckout.requests)) == (2, 2)
    assert sweep.wait is not None
    assert 12 * 3600 < sweep.wait <= 27 * 3600


def test_what_the_client_knows_for_itself_is_the_same():
    assert SETTINGS["BASE_URL"].default == BASE_URL
    assert SETTINGS["HASH_ALGORITHM"].rule("") == " or ".join(f'"{name}"' for name in HASH_ALGORITHMS)


@pytest.mark.parametrize("name", KNOWN)
def test_each_default_is_right(name):
    setting = SETTINGS[name]
    assert bool(setting.rule(setting.default)) == setting.required


# A wrong one refuses before anything is sent.


ACTS = {
    "push": sync.push,
    "pull": sync.pull,
    "cards": sync.cards,
    "compare": sync.compare,
    "delete_card": lambda customer: sync.delete_card(customer, "token"),
    "resolve": lambda customer: sync.resolve(customer, {}),
    "push_pending": lambda customer: sync.push_pending(),
    "push_due": lambda customer: push_due(customer.pk),
    "push_each": lambda customer: sync.push_each([customer.pk]),
    "pull_each": lambda customer: sync.pull_each([customer.pk]),
    "add": lambda customer: sync.add("601952421"),
    "find": lambda customer: sync.find("601952421"),
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"BASE_URL": 5},
        {"TIMEOUT": "5"},
        {"REFERENCE_PREFIX": 5},
        {"CONFLICT": 1},
        {"CONCURRENCY": "2"},
        {"RATE_LIMIT": 10},
        {"MAX_ATTEMPTS": "3"},
        {"HISTORY_DAYS": None},
        {"CONFIRM_ROWS": "5"},
        {"QUEUE": 7},
    ],
    ids=str,
)
@pytest.mark.parametrize("act", ACTS)
def test_wrong__refused_before_anything_is_sent(ada, twocheckout, configure, act, wrong):
    Customer.objects.update_unmarked(customer_reference="601952421")
    before = Customer.objects.values().get()
    configure(**wrong)
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        ACTS[act](Customer.objects.get())
    assert twocheckout.requests == []
    assert Customer.objects.values().get() == before


def test_wrong__no_reference_is_made_with_it(db, configure):
    configure(REFERENCE_PREFIX="7")
    with pytest.raises(ConfigurationError, match="REFERENCE_PREFIX"):
        Customer.objects.create(**ADA)


def printed(error):
    """What an error reporter prints of an exception and of what led to it: its text, and the names of our frames."""
    text = ""
    while error is not None:
        frames = [frame.f_locals for frame, _line in traceback.walk_tb(error.__traceback__) if is_ours(frame)]
        text += f"{error!r} {frames}"
        error = error.__cause__ or error.__context__
    return text


def is_ours(frame):
    return "/django_twocheckout/" in frame.f_code.co_filename


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: ...} for name in KNOWN if name not in REQUIRED),
        {"SECRET_KEY": f" {KEY}"},
        {"SECRET_KEY": [KEY]},
        {"MERCHANT_CODE": f"{CODE} "},
        {"MERCHANT_CODE": f"{KEY} "},
        {"BASE_URL": f"https://{CODE}:{KEY}@api.2checkout.com/"},
        {"HASH_ALGORITHM": KEY},
        {"TIMEOUT": KEY},
        {"RATE_LIMIT": KEY},
        {"QUEUE": f" {KEY}"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_wrong__nothing_secret_is_printed_or_held_in_a_frame(settings, wrong):
    settings.TWOCHECKOUT = {**GOOD, **wrong}
    given, wrong = str(check_settings()), next(iter(wrong))
    for read in (partial(current_client, "default"), conf.check, lambda: getattr(conf, wrong)):
        with pytest.raises(ConfigurationError) as caught:
            read()
        given += printed(caught.value)
    assert KEY not in given
    assert CODE not in given


def test_wrong__for_the_client_alone_holds_nothing_secret_either(settings, monkeypatch):
    monkeypatch.delitem(HASH_ALGORITHMS, "sha256")
    settings.TWOCHECKOUT = {**GOOD, "SECRET_KEY": f"{KEY}-2", "HASH_ALGORITHM": "sha256"}
    with pytest.raises(ConfigurationError, match="TWOCHECKOUT is wrong: hash_algorithm") as caught:
        current_client("default")
    assert caught.value.__context__ is None
    assert KEY not in printed(caught.value)


# One place for what is said of them.


def readme_table():
    """README's table of settings, as conf has them."""
    lines = ["| key | default | takes | meaning |", "| --- | --- | --- | --- |"]
    for name, setting in SETTINGS.items():
        default = json.dumps(setting.default) if isinstance(setting.default, str) else repr(setting.default)
        shown = "required" if setting.required else f"`{default}`"
        # No rule takes a bare object, so each says here what it takes.
        takes = setting.rule(...)
        lines.append(f"| `{name}` | {shown} | {takes} | {setting.meaning} {setting.more}".rstrip() + " |")
    return "\n".join(lines) + "\n"


def test_readme_has_each_as_it_is():
    section = README.read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
    assert "|" + section.partition("|")[2].rstrip() + "\n" == readme_table()


@pytest.mark.parametrize("name", KNOWN)
def test_checks_have_each_as_it_is(settings, name):
    settings.TWOCHECKOUT = {**GOOD, name: ...}
    setting = SETTINGS[name]
    [message] = check_settings()
    assert message.msg == f"TWOCHECKOUT['{name}'] is wrong."
    assert message.hint == f"Use {setting.rule(...)}. {setting.more}".rstrip()


@pytest.mark.parametrize("name", KNOWN)
def test_admin_shows_each_that_is_wrong(admin_client, settings, name):
    settings.TWOCHECKOUT = {**GOOD, name: ...}
    assert f"TWOCHECKOUT['{name}'] is wrong." in unescape(admin_client.get(STATUS).content.decode())


def test_admin_has_each_as_it_is(admin_client, settings):
    page = unescape(admin_client.get(STATUS).content.decode()).partition("Settings in force")[2]
    rows = re.findall(r'<th scope="row"><code>(\w+)</code></th>.*?<td>([^<]*)</td>\s*</tr>', page, re.DOTALL)
    assert rows == [(name, str(setting.meaning)) for name, setting in SETTINGS.items()]
