"""Defines each key of the project's ``TWOCHECKOUT`` setting once: its type, default, meaning and valid values.

The system checks, the admin's table, README's table and the reference have them from here.
"""

from __future__ import annotations

import difflib
from typing import Any, Literal

from django.utils.translation import gettext_lazy as _

from .rules import (
    account_settings,
    base_url,
    choice,
    choices,
    client_class,
    count,
    dispatcher,
    excluded_fields,
    flag,
    merchant_code,
    prefix,
    queue,
    rate,
    secret_key,
    timeout,
    whole_number,
)
from .setting import DEFAULT_ACCOUNT, ConfigurationError, Setting


def accounts(value: object) -> str:
    return account_settings(value, SETTINGS, DEFAULT_ACCOUNT)


class Conf:
    """The settings of one account. A new one is a new line here and a row in README. A test asks for the row."""

    def __init__(self, account: str = DEFAULT_ACCOUNT) -> None:
        self.account = account

    MERCHANT_CODE = Setting(
        "",
        merchant_code,
        _("Who we are at 2Checkout."),
        "It stands in the Control Panel under Integrations, Webhooks & API.",
        required=True,
    )
    SECRET_KEY = Setting(
        "",
        secret_key,
        _("The key that signs each request."),
        "It stands beside the merchant code, and is not the secret word of buy links or INS.",
        required=True,
        secret=True,
    )
    BASE_URL = Setting(
        "https://api.2checkout.com/rest/6.0/",
        base_url,
        _("Where 2Checkout's API is."),
        "A server on this very machine may go with http://.",
    )
    HASH_ALGORITHM = Setting(
        "sha3-256", choice("sha3-256", "sha256"), _("The hash of the signature."), "2Checkout no longer supports MD5."
    )
    TIMEOUT = Setting[float | tuple[float, float]](
        (5, 30),
        timeout,
        _("Seconds to connect, and seconds to wait for an answer."),
        "One number stands for both. A request with its whole answer takes no longer than both together.",
    )
    REFERENCE_PREFIX = Setting(
        "dj-",
        prefix,
        _("What our references of new customers begin with."),
        "Give each site that shares an account its own. A reference that looks like a number could name another "
        "customer, because 2Checkout looks up its own numbers in the same place.",
    )
    READ_BEFORE_WRITE = Setting(
        True,
        flag,
        _("Whether 2Checkout's customer is fetched and merged before each update."),
        "`False`: one request, our row as it is; for sites where no person edits at 2Checkout.",
    )
    CONFLICT = Setting[Literal["local", "remote"]](
        "local", choice("local", "remote"), _("Who wins in a field that changed on both sides.")
    )
    END_USER_UPDATE = Setting(
        False,
        flag,
        _("Whether updates reach the customer's subscriptions too."),
        "There they change the end-user details.",
    )
    CARDS_BY_SSO = Setting(
        True,
        flag,
        _("Whether cards without tokens are asked for once more by single sign-on."),
        "`False`: such cards are shown and cannot be deleted.",
    )
    PUSH_ON_SAVE = Setting(
        True,
        flag,
        _("Whether each save wakes a worker."),
        "`False`: saves only mark the row; the sweep, the command or *Push now* pushes it. Notifications wait for the "
        "sweep then, too.",
        own=False,
    )
    ENABLED = Setting(
        True,
        flag,
        _("Whether anything is sent to 2Checkout."),
        "`False`: saves mark the row, and no request is made: for staging and tests.",
        own=False,
    )
    BATCH_SIZE = Setting(
        100,
        count,
        _("How many customers a worker process takes at a time."),
        "More saves little, and a killed worker leaves so many to be looked up.",
    )
    CONCURRENCY = Setting(
        4,
        count,
        _("How many customers a worker process pushes side by side."),
        "2Checkout documents no limit, so the default is a polite one.",
    )
    RATE_LIMIT = Setting[str | None](
        None,
        rate,
        _("The most requests of all workers together."),
        "It is kept in the database. `None`: no limit of ours.",
    )
    MAX_ATTEMPTS = Setting(
        14, count, _("After so many unsuccessful tries a customer is failed."), "With 14, after about two hours."
    )
    HISTORY_DAYS = Setting(
        90, whole_number(0, 36500), _("How many days the history is kept."), "`0` keeps none.", own=False
    )
    CONFIRM_ROWS = Setting(50, count, _("Actions of the admin on more customers than that ask once more."), own=False)
    QUEUE = Setting[str | None](
        None, queue, _("The Celery queue of our tasks."), "`None` leaves it to your routing.", own=False
    )
    DISPATCH = Setting(
        "celery",
        dispatcher,
        _("Who wakes a worker."),
        '`"none"`: nobody; the sweep by cron does all. A function of yours is called with `(what, key, database, '
        "countdown)`, and gives them to another queue: docs/how-to/other-queues.md.",
        own=False,
    )
    CLIENT = Setting(
        "django_twocheckout.client.TwoCheckoutClient",
        client_class,
        _("The class that sends the requests."),
        "A dotted path to a subclass of `TwoCheckoutClient`.",
    )
    NOTIFICATION_ALGORITHMS = Setting[tuple[str, ...]](
        ("sha3-256", "sha256"),
        choices("sha3-256", "sha256", "md5"),
        _("The signatures of notifications that are accepted."),
        'The strongest that is there decides. `"md5"` is accepted only if it is named here.',
    )
    TEST_ORDERS = Setting(
        False,
        flag,
        _("Whether notifications of test orders are followed."),
        "`False`: they are answered, and their customers are not pulled.",
    )
    IMPORT_UNKNOWN = Setting(
        False,
        flag,
        _("Whether a customer that is notified of, and has no row here, is added."),
        "`False`: such a notification is answered and noted, and no request is made.",
    )
    EXCLUDE_FIELDS = Setting[tuple[str, ...]](
        (),
        excluded_fields,
        _("Fields of a customer that are not exchanged with 2Checkout."),
        "They are never sent, never taken over, and not in the admin's form. After a change of it, run "
        "`manage.py twocheckout_push --verify`.",
        own=False,
    )
    ACCOUNTS = Setting[dict[str, dict[str, Any]]](
        {},
        accounts,
        _("Further merchant accounts, by the names in the customers' `account`."),
        "Each has a `MERCHANT_CODE` and a `SECRET_KEY`. Its other keys replace those above. `PUSH_ON_SAVE`, `ENABLED`, "
        "`HISTORY_DAYS`, `CONFIRM_ROWS`, `QUEUE`, `DISPATCH` and `EXCLUDE_FIELDS` are for all accounts.",
        own=False,
    )

    def check(self) -> None:
        """Read each setting once. Raises ConfigurationError for the first wrong or missing one."""
        for name in _SECRETS_LAST:
            getattr(self, name)

    def of(self, account: str) -> Conf:
        """The settings of this account. Raises ConfigurationError for one that the settings do not have."""
        if account == DEFAULT_ACCOUNT:
            return conf
        if account not in self.ACCOUNTS:
            raise ConfigurationError(self.no_account(account))
        return _confs.setdefault(account, Conf(account))

    def no_account(self, account: str) -> str:
        """The words about an account that the settings do not have."""
        aliases = self.aliases()
        close = difflib.get_close_matches(account, aliases, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"It has {', '.join(map(repr, aliases))}."
        return f"TWOCHECKOUT has no account {account!r}. {hint}"

    def aliases(self) -> list[str]:
        """The configured accounts. The default one is among them if it has a merchant code, or if it is alone."""
        others = sorted(self.ACCOUNTS)
        return [DEFAULT_ACCOUNT, *others] if SETTINGS["MERCHANT_CODE"].raw() or not others else others


SETTINGS: dict[str, Setting[object]] = {name: one for name, one in vars(Conf).items() if isinstance(one, Setting)}
KNOWN = tuple(SETTINGS)
REQUIRED = tuple(name for name, setting in SETTINGS.items() if setting.required)
_SECRETS_LAST = (*(name for name in KNOWN if name not in REQUIRED), *REQUIRED)

conf = Conf()
_confs: dict[str, Conf] = {}
