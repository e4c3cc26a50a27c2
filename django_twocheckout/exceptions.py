"""What can go wrong between us and 2Checkout; the type of an error says whether trying again makes sense.

::

    TwoCheckoutError           anything between us and 2Checkout
      TransientError           worth trying again later
        ConnectionFailed       no answer: name not resolved, refused, reset, timed out
        RateLimited            429: too many requests
        ServerFailed           5xx
        CustomerBusy           another worker is talking to 2Checkout about this customer
      RequestRejected          asking again gets the same answer
        AuthenticationFailed   401, 403: the account's credentials or rights
        NotFound               404: 2Checkout does not know this customer
        CardNotDeleted         the card stays, most often because a subscription is paid with it
        NotSent                refused on our side, before anything left the machine
      UnreadableAnswer         an answer came, but it is not what 2Checkout documents
      AlreadyAdded             the customer that should be added has a row here

A wrong setting is none of these: see ``conf.ConfigurationError``.
"""

from __future__ import annotations

from dataclasses import dataclass


class TwoCheckoutError(Exception):
    """Something went wrong between us and 2Checkout.

    ``str(error)`` is fit for a log: method, path pattern, status, code, and 2Checkout's sentence without the values
    that were sent. ``message`` holds 2Checkout's own words as they came, which may quote personal data: show it, don't
    log it.
    """

    def __init__(self, text: str = "", *, status: int | None = None, code: str = "", message: str = "") -> None:
        super().__init__(text or (self.__doc__ or "").partition("\n")[0])
        self.status = status
        self.code = code
        self.message = message

    @property
    def words(self) -> str:
        """The reason for a person who looks at the customer: 2Checkout's own words where it gave any."""
        if self.message:
            return f"{self.message} ({self.code})" if self.code else self.message
        meaning = (type(self).__doc__ or "").partition("\n")[0]
        return meaning if str(self) == meaning else f"{meaning} ({self})"


class TransientError(TwoCheckoutError):
    """2Checkout could not deal with the request now; trying again later may work.

    ``retry_after``: seconds that 2Checkout asked to wait, or None.
    """

    def __init__(self, text: str = "", *, retry_after: float | None = None, **facts: object) -> None:
        super().__init__(text, **facts)  # type: ignore[arg-type]
        self.retry_after = retry_after


class ConnectionFailed(TransientError):
    """No answer came from 2Checkout."""


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
class Refusal:
    """One reason for which a card was not deleted."""

    subscription: str
    message: str
    code: str

    def __str__(self) -> str:
        text = f"{self.message} ({self.code})" if self.code else self.message
        return f"Subscription {self.subscription}: {text}" if self.subscription else text


class CardNotDeleted(RequestRejected):
    """2Checkout did not delete the card.

    ``reasons``: one for each subscription that 2Checkout named.
    """

    def __init__(self, text: str = "", *, reasons: tuple[Refusal, ...] = (), **facts: object) -> None:
        super().__init__(text, **facts)  # type: ignore[arg-type]
        self.reasons = reasons

    @property
    def words(self) -> str:
        return "; ".join(map(str, self.reasons)) or super().words


class NotSent(RequestRejected):
    """Refused on our side before anything was sent."""


class UnreadableAnswer(TwoCheckoutError):
    """2Checkout's answer is not what it documents."""


class AlreadyAdded(TwoCheckoutError):
    """There is a row for this customer of 2Checkout already.

    ``pk``: the row's primary key.
    """

    def __init__(self, text: str = "", *, pk: object = None, **facts: object) -> None:
        super().__init__(text, **facts)  # type: ignore[arg-type]
        self.pk = pk


def meaning_of(name: str) -> str:
    """What the error of this name says to a person; blank if it is none of ours."""
    error = globals().get(name)
    ours = isinstance(error, type) and issubclass(error, TwoCheckoutError)
    return (error.__doc__ or "").partition("\n")[0] if ours else ""
