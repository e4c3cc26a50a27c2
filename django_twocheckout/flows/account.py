"""The merchant accounts for the doors: reads whether they are paused, and resumes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import router

from ..conf import ConfigurationError, conf
from ..engine import circuit_breaker
from ..exceptions import AnotherMerchantCode
from ..models import Account, AccountState, read_clock


def chosen_accounts(account: str | None) -> list[str]:
    """This account alone, or all in the settings. Raises ConfigurationError for one that they do not have."""
    if account is None:
        return conf.aliases()
    if account not in conf.aliases():
        raise ConfigurationError(conf.no_account(account))
    return [account]


def current_account(database: str | None = None, account: str | None = None) -> AccountState | None:
    """The account now. Without a name: the first one that is stopped, or else the first one.

    None while it has no row, or without a merchant code.
    """
    return first_stopped(current_accounts(database, None if account is None else [account]))


def first_stopped(states: Sequence[AccountState]) -> AccountState | None:
    """Of these accounts, the first one that is stopped, or else the first one."""
    return next((state for state in states if state.open_until or state.code_differs), next(iter(states), None))


def current_accounts(database: str | None = None, accounts: Collection[str] | None = None) -> list[AccountState]:
    """These accounts, or all in the settings, as far as they have rows. None of them while a setting is wrong."""
    try:
        accounts = conf.aliases() if accounts is None else accounts
        return Account.objects.all_current(database or router.db_for_write(Account), accounts)
    except ConfigurationError:
        return []  # the system checks name the missing setting


def now_at(account: AccountState | None, database: str) -> datetime:
    """The database's clock as read with the account, or alone without an account's row."""
    return account.now if account else read_clock(database)


def resume(account: str | None = None, *, confirm: str | None = None, database: str | None = None) -> bool:
    """End the pause of this account, or of all. Returns whether any was paused.

    *confirm*: the merchant code in the settings of the account. It confirms that customers which 2Checkout acknowledged
    under another code belong to it. Raises AnotherMerchantCode where such a confirmation is missing or differs, or
    ConfigurationError for an account that the settings do not have.
    """
    database = database or router.db_for_write(Account)
    accounts = chosen_accounts(account)
    if account is None and confirm is not None:
        accounts = [alias for alias in accounts if confirm == conf.of(alias).MERCHANT_CODE]
        if not accounts:
            raise AnotherMerchantCode
    resumed = [_resume(database, alias, confirm) for alias in accounts]
    return any(resumed)


def _resume(database: str, account: str, confirm: str | None) -> bool:
    state, code = Account.objects.current(database, account), conf.of(account).MERCHANT_CODE
    if state is None:
        return False
    if state.code_differs or confirm is not None:
        if confirm != code:
            raise AnotherMerchantCode
        Account.objects.named(database, account).exclude(merchant_code="").update(merchant_code=code)
    return circuit_breaker.close(database, account) or state.code_differs
