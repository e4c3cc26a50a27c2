"""The errors of every request to 2Checkout. The type of an error says whether another attempt makes sense.

::

    TwoCheckoutError           any failure between us and 2Checkout
      TransientError           a later attempt may succeed
        ConnectionFailed       no answer: name not resolved, refused, reset, timed out
          NoSecureConnection   a certificate, a key or the proxy's address is missing or wrong
        RateLimited            429: too many requests
        ServerFailed           5xx
        CustomerBusy           another worker has claimed this customer
      RequestRejected          the same request gets the same answer
        AuthenticationFailed   401, 403: the account's credentials or rights
        NotFound               404, or a deleted customer: 2Checkout does not have it
        CardNotDeleted         the card stays, most often because it pays for a subscription
        NotSent                refused on our side, before anything was sent
          BeingErased          the customer is being erased, or its row was emptied
          WasErased            the customer was erased here, and stays away
          ActiveSubscription   not erased, because a subscription is active
          SendingStopped       no request goes out for the whole account
            SendingDisabled    the setting ENABLED is False
            AnotherMerchantCode  a person has to confirm the merchant code
      UnreadableAnswer         an answer came, but not as 2Checkout documents it
      AlreadyAdded             the customer to be added has a row here

A wrong setting is none of these: see ``conf.ConfigurationError``. A call inside a transaction is none either: see
:class:`InTransaction`. A move to another account is none: see :class:`AccountIsFixed`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict, Unpack


class _Facts(TypedDict, total=False):
    """What every TwoCheckoutError accepts beside its text."""

    status: int | None
    code: str
    vendor_message: str


class TwoCheckoutError(Exception):
    """Something went wrong between us and 2Checkout.

    ``str(error)`` may be logged: it has the method, the route, the status and the code. ``vendor_message`` holds
    2Checkout's own sentence unchanged. It may quote personal data, so show it to people, and do not log it. (Its name
    is not ``message``, because error reporters send that instead of ``str(error)``.) ``status``: the HTTP status, or
    None. ``code``: 2Checkout's code, or blank.
    """

    def __init__(self, text: str = "", *, status: int | None = None, code: str = "", vendor_message: str = "") -> None:
        super().__init__(text or (self.__doc__ or "").partition("\n")[0])
        self.status = status
        self.code = code
        # Not named "message": error reporters send an attribute of that name instead of str(error).
        self.vendor_message = vendor_message

    @property
    def words(self) -> str:
        """The reason for a person: 2Checkout's own words, if there are any."""
        if self.vendor_message:
            return f"{self.vendor_message} ({self.code})" if self.code else self.vendor_message
        meaning = (type(self).__doc__ or "").partition("\n")[0]
        return meaning if str(self) == meaning else f"{meaning} ({self})"


class TransientError(TwoCheckoutError):
    """2Checkout could not deal with the request now; trying again later may work.

    ``retry_after``: the seconds 2Checkout asks us to wait, or None.
    """

    def __init__(self, text: str = "", *, retry_after: float | None = None, **facts: Unpack[_Facts]) -> None:
        super().__init__(text, **facts)
        self.retry_after = retry_after


class ConnectionFailed(TransientError):
    """No answer came from 2Checkout."""


class NoSecureConnection(ConnectionFailed):
    """This machine cannot make a secure connection to 2Checkout.

    A certificate does not verify, a file of certificates or keys is missing or wrong, or the proxy's address cannot be
    read. This is no customer's fault, so every customer is tried again later.
    """


class RateLimited(TransientError):
    """2Checkout asks us to slow down."""


class ServerFailed(TransientError):
    """2Checkout failed to process the request."""


class CustomerBusy(TransientError):
    """This customer is being pushed or re-fetched right now; try again in a moment."""


class RequestRejected(TwoCheckoutError):
    """2Checkout refused the request; sending the same again would be refused again."""


class AuthenticationFailed(RequestRejected):
    """2Checkout refused our credentials, or they lack the right for this."""


class NotFound(RequestRejected):
    """2Checkout knows no customer under this reference."""


@dataclass(frozen=True)
class CardRefusal:
    """One reason why 2Checkout did not delete a card."""

    subscription: str = field(repr=False)
    message: str = field(repr=False)
    code: str = field(repr=False)

    def __str__(self) -> str:
        text = f"{self.message} ({self.code})" if self.code else self.message
        return f"Subscription {self.subscription}: {text}" if self.subscription else text


class CardNotDeleted(RequestRejected):
    """2Checkout did not delete the card.

    ``reasons``: one for each subscription in 2Checkout's answer, 50 at the most. ``reasons_left_out``: how many more it
    has.
    """

    def __init__(
        self,
        text: str = "",
        *,
        reasons: tuple[CardRefusal, ...] = (),
        reasons_left_out: int = 0,
        **facts: Unpack[_Facts],
    ) -> None:
        super().__init__(text, **facts)
        self.reasons = reasons
        self.reasons_left_out = reasons_left_out

    @property
    def words(self) -> str:
        more = [f"and {self.reasons_left_out} more"] if self.reasons_left_out else []
        return "; ".join([*map(str, self.reasons), *more]) or super().words


class NotSent(RequestRejected):
    """Refused on our side before anything was sent."""


class BeingErased(NotSent):
    """This customer is being erased, so nothing else is done with it.

    Raised for a save too. A bulk write leaves out the rows that are being erased.
    """


class WasErased(NotSent):
    """This customer was erased here, so it is not brought back."""


class ActiveSubscription(NotSent):
    """This customer has an active subscription at 2Checkout, so it is not erased.

    ``sync.erase(customer, with_active_subscriptions=True)`` erases it all the same.
    """


class SendingStopped(NotSent):
    """Nothing is sent for this account."""


class SendingDisabled(SendingStopped):
    """Nothing is sent to 2Checkout, because ENABLED is False in the settings."""


class AnotherMerchantCode(SendingStopped):
    """These customers were acknowledged under another merchant code, so nothing is sent until a person confirms yours.

    A copy of a database must not write to another account. ``sync.resume(account, confirm="CODE")`` confirms.
    """


class UnreadableAnswer(TwoCheckoutError):
    """2Checkout's answer is not what it documents."""


class AlreadyAdded(TwoCheckoutError):
    """There is a row for this customer of 2Checkout already.

    ``pk``: the row's primary key.
    """

    def __init__(self, text: str = "", *, pk: object = None, **facts: Unpack[_Facts]) -> None:
        super().__init__(text, **facts)
        self.pk = pk


class InTransaction(RuntimeError):
    """Refused inside a transaction, before anything was sent or written.

    What is known about a request must survive, and a rollback would undo it.
    """

    def __init__(self) -> None:
        super().__init__(
            "django-twocheckout does not do this inside a transaction: what it writes about the request to 2Checkout "
            "must be durable, and a rollback would undo it. Call it after the transaction, by "
            "transaction.on_commit(), or in a view under transaction.non_atomic_requests."
        )


class AccountIsFixed(RuntimeError):
    """Refused: 2Checkout may have this customer in one account, so the row cannot move to another one."""

    words = (
        "A customer cannot move to another account once 2Checkout knows it, or may know it. Create a new customer "
        "there instead."
    )

    def __init__(self) -> None:
        super().__init__(self.words)


def meaning_of(name: str) -> str:
    """The sentence for people about the error of this name. Blank for any other name."""
    error = globals().get(name)
    ours = isinstance(error, type) and issubclass(error, TwoCheckoutError)
    return (error.__doc__ or "").partition("\n")[0] if ours else ""
