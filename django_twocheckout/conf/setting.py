"""Reads one key of the project's ``TWOCHECKOUT`` for an account, and checks it before any module gets the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise

from .project import given
from .rules import Rule

if TYPE_CHECKING:
    from .keys import Conf

T = TypeVar("T")

#: The alias of the account that the dictionary's own keys describe.
DEFAULT_ACCOUNT = "default"

#: No setting has this value.
_UNCHECKED = object()


class ConfigurationError(ImproperlyConfigured):
    """A setting is missing or wrong. It is no TwoCheckoutError, because 2Checkout has no part in it."""


class Setting(Generic[T]):
    """One key of ``TWOCHECKOUT``.

    ``conf.NAME`` returns its value and raises ConfigurationError for a wrong one. ``Conf.NAME`` is the Setting itself.
    *meaning* is a translated sentence for people. *more* is README's addition to it. The default of a *required*
    setting is never used. The value of a *secret* setting is never shown. A setting that is not *own* is the same for
    all accounts. An account has its own values of the required ones.
    """

    name: str

    def __init__(
        self,
        default: T,
        rule: Rule,
        meaning: Promise,
        more: str = "",
        *,
        required: bool = False,
        secret: bool = False,
        own: bool = True,
    ) -> None:
        self.default, self.rule, self.meaning, self.more = default, rule, meaning, more
        self.required, self.secret, self.own = required, secret, own
        #: By account: the last valid value. The same object is not checked again.
        self._right: dict[str, object] = {}

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, instance: Conf, owner: type) -> T: ...
    def __get__(self, instance: Conf | None, owner: type) -> Setting[T] | T:
        if instance is None:
            return self
        value: T = self.raw(instance.account)
        if value is not self._right.get(instance.account, _UNCHECKED):
            complaint = self.complaint(value, instance.account)
            if complaint:
                del value  # an error reporter prints the names of a frame with their values
                raise ConfigurationError(complaint)
            self._right[instance.account] = value
        return value

    def raw(self, account: str = DEFAULT_ACCOUNT) -> Any:
        """The project's value, valid or not, or the default."""
        values = given()
        if not isinstance(values, dict):
            return self.default
        if account != DEFAULT_ACCOUNT and self.own:
            own = values.get("ACCOUNTS")
            own = own.get(account) if isinstance(own, dict) else None
            if isinstance(own, dict) and (self.name in own or self.required):
                return own.get(self.name, self.default)
        return values.get(self.name, self.default)

    def is_missing(self, value: object) -> bool:
        return self.required and not value

    def complaint(self, value: object, account: str = DEFAULT_ACCOUNT) -> str:
        """What is wrong with the value, in words and without the value itself. Blank for a valid one."""
        where = f"['ACCOUNTS'][{account!r}]" if account != DEFAULT_ACCOUNT and self.own else ""
        if self.is_missing(value):
            return f"TWOCHECKOUT{where}[{self.name!r}] is not set."
        advice = self.rule(value)
        return f"TWOCHECKOUT{where}[{self.name!r}] is wrong. Use {advice}." if advice else ""
