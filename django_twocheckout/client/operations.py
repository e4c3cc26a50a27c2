"""The operations on 2Checkout's customers."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import requests

from ..exceptions import NotFound, RequestRejected, TwoCheckoutError, UnreadableAnswer
from .answers import (
    customer_in,
    has_error,
    is_of_another,
    is_one_of,
    is_tombstone_of,
    new_reference,
    parsed_answer,
    reference_in,
    sign_on_link,
    sign_on_token,
)
from .arguments import (
    BASE_URL,
    Timeout,
    checked_account_page,
    checked_base_url,
    checked_language,
    checked_timeout,
    json_body,
    path_segment,
)
from .body import JSON
from .deadlines import Call
from .failures import card_not_deleted, without_token
from .sender import Sender
from .senders import Senders
from .sessions import guarded, new_session
from .signature import Signature

#: Seconds for which a single sign-on token is asked to be valid. 2Checkout's own 10 seconds are few on a slow day.
SIGN_ON_SECONDS = 30


class TwoCheckoutClient:
    """The four operations on 2Checkout's customers, single sign-on, and the search for subscriptions.

    ``timeout``: seconds, or a pair (seconds to connect, seconds to wait for an answer). A request and its whole answer
    take no longer than both together. ``base_url`` must be HTTPS unless it points to this machine. Raises ValueError
    for a wrong argument. Nothing is retried here: a failed request may have been carried out, and only the caller
    knows whether repeating it is safe.

    Safe to share between threads and across a fork: each thread of each process has a kept-alive session for itself.
    """

    def __init__(
        self,
        *,
        merchant_code: str,
        secret_key: str,
        base_url: str = BASE_URL,
        hash_algorithm: str = "sha3-256",
        timeout: Timeout = (5, 30),
    ) -> None:
        try:
            self.base_url = checked_base_url(base_url)
            self.timeout = checked_timeout(timeout)
            self._signature = Signature(merchant_code, secret_key, hash_algorithm)
        finally:
            del secret_key  # reports of errors show what a function's variables hold
        self._local = threading.local()
        self._senders = Senders()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'base_url', '(no address)')}>"

    def create_customer(self, information: Mapping[str, object]) -> str:
        """Create a customer and return its new CustomerReference.

        2Checkout has no idempotency key. After any error but RequestRejected the customer may exist all the same, and
        can be found by its ExternalCustomerReference. Raises TwoCheckoutError.
        """
        answer = self._request("POST", "customers/", information=information)
        return new_reference("POST customers/", answer, information)

    def retrieve_customer(self, reference: str, include_payment_data: bool = False) -> dict[str, JSON]:
        """Fetch a customer by 2Checkout's reference or by ours; both share one place in the address.

        With ``include_payment_data`` the cards may carry transient tokens: keep them out of databases and logs.
        Raises NotFound, also for a customer that 2Checkout calls deleted, or another TwoCheckoutError.
        """
        query = {"includePaymentData": "true"} if include_payment_data else None
        answer = self._request("GET", "customers/{}/", reference, query=query)
        if is_tombstone_of(answer, str(reference)):
            raise NotFound("GET customers/…/: the customer is deleted at 2Checkout", status=200)
        return customer_in("GET customers/…/", answer)

    def retrieve_customer_by_sign_on(self, reference: str) -> dict[str, JSON]:
        """Fetch a customer by a single sign-on token. 2Checkout documents the cards' transient tokens there.

        Two requests. The first asks for a link to the shopper's account, valid for some seconds; the second carries the
        token of that link. The token opens the account, so this method does not return it. The second request is
        documented at https://docs.2checkout.com/api-reference/reference/single-sign-on, the first in the vendor's
        Postman collection. The form of the first answer is not documented, so several are read. The caller has to
        compare whether this is the customer that was asked for. Raises TwoCheckoutError.
        """
        query = {"ValidityTime": str(SIGN_ON_SECONDS)}
        link = self._request("GET", "customers/{}/account/payment_methods/", reference, query=query)
        token = sign_on_token(link)
        if not token:
            raise UnreadableAnswer("GET customers/…/account/payment_methods/: the answer holds no token", status=200)
        try:
            return customer_in("GET customers/", self._request("GET", "customers/", query={"ssotoken": token}))
        except TwoCheckoutError as error:
            # 2Checkout's words are shown to people, and may quote what was sent.
            error.code = without_token(error.code, token)
            error.vendor_message = without_token(error.vendor_message, token)
            raise

    def account_link(self, reference: str, page: str = "payment_methods", language: str | None = None) -> str:
        """A link that opens this page of the shopper's account at 2Checkout, valid for SIGN_ON_SECONDS.

        *page*: one of ACCOUNT_PAGES. *language*: two letters; None for 2Checkout's choice. The link signs in
        anyone as the shopper, so keep it out of logs and databases. The account needs a custom domain. Raises
        ValueError for another page or language, UnreadableAnswer if the answer has no link, or another TwoCheckoutError
        with 2Checkout's reason.

        https://docs.2checkout.com/api-reference/reference/single-sign-on documents the pages, and the vendor's Postman
        collection the address.
        """
        path = f"customers/{{}}/account/{checked_account_page(page)}/"
        query = {"ValidityTime": str(SIGN_ON_SECONDS)}
        if language is not None:
            query["Lang"] = checked_language(language)
        link = sign_on_link(self._request("GET", path, reference, query=query))
        if not link:
            raise UnreadableAnswer(f"GET customers/…/account/{page}/: the answer holds no link", status=200)
        return link

    def update_customer(self, reference: str, information: Mapping[str, object], end_user_update: bool = False) -> bool:
        """Update the customer under 2Checkout's reference; True, or an exception.

        Whether fields left out of ``information`` are kept or erased is undocumented. With ``end_user_update`` the
        change reaches the end-user details of all the customer's subscriptions too. Raises RequestRejected also if
        2Checkout answers 200 with ``false``. Raises UnreadableAnswer if it answers 200 with anything but ``true`` or
        this customer: it is unknown then whether the customer was updated. Or raises another TwoCheckoutError.
        """
        query = {"endUserUpdate": "true"} if end_user_update else None
        answer = self._request("PUT", "customers/{}/", reference, query=query, information=information)
        if is_one_of(answer, (True, "true", 1, "1")):
            return True
        if is_one_of(answer, (False, "false", 0, "0")):
            reason = "2Checkout answered that it did not update"
            raise RequestRejected("PUT customers/…/: answered false", status=200, vendor_message=reason)
        is_this = isinstance(answer, dict) and reference_in(answer) == str(reference)
        if is_this and not is_of_another(answer, information):
            return True
        raise UnreadableAnswer("PUT customers/…/: the answer does not say that this customer was updated", status=200)

    def search_subscriptions(self, page: int, limit: int, **filters: str) -> tuple[list[dict[str, JSON]], int | None]:
        """A page of the account's subscriptions, and how many there are. None where 2Checkout does not say.

        *filters*: ``AvangateCustomerReference``, or ``ModifiedAfter``, ``PurchasedBefore`` and the like as
        ``YYYY-MM-DD``. Both documented shapes of a page are read. A subscription appears some minutes after its order.
        Raises TwoCheckoutError.

        https://docs.2checkout.com/api-reference/reference/subscription
        """
        answer = self._request("GET", "subscriptions/", query={**filters, "Page": str(page), "Limit": str(limit)})
        items = answer.get("Items") if isinstance(answer, dict) else answer
        if not isinstance(items, list):
            raise UnreadableAnswer("GET subscriptions/: the answer is not a page of subscriptions", status=200)
        pagination = answer.get("Pagination") if isinstance(answer, dict) else None
        count = pagination.get("Count") if isinstance(pagination, dict) else None
        known = count if isinstance(count, int) and not isinstance(count, bool) else None
        return [item if isinstance(item, dict) else {} for item in items], known

    def delete_card(self, reference: str, token: str) -> bool:
        """Delete the card behind a transient token; True, or an exception.

        Raises CardNotDeleted with 2Checkout's reasons, NotFound if the card or the customer is gone already, or
        another TwoCheckoutError.
        """
        # This one path is documented without a slash at its end.
        answer = self._request("DELETE", "customers/{}/credit-card/{}", reference, token)
        if isinstance(answer, dict):
            if answer.get("Deleted") is True and not has_error(answer):
                return True
            if answer.get("Deleted") is False:
                raise card_not_deleted(answer, 200, [reference, token])
        route = "DELETE customers/…/credit-card/…"
        raise UnreadableAnswer(f"{route}: the answer does not say whether it was deleted", status=self.last_status)

    @property
    def requests_sent(self) -> int:
        """How many requests this thread has sent."""
        return int(getattr(self._local, "requests_sent", 0))

    @property
    def last_status(self) -> int | None:
        """The HTTP status of the answer to this thread's last request; None if no answer came."""
        return getattr(self._local, "last_status", None)

    def close(self) -> None:
        """Close this thread's connections; the next request opens new ones."""
        self._senders.close()

    def release(self) -> None:
        """Keep this thread's connections for another thread, at the thread's end. Unused, they are closed soon."""
        self._senders.release()

    def create_session(self) -> requests.Session:
        """Make a session. Override it to set headers, a proxy, a certificate, hooks or a transport adapter of your
        own."""
        return new_session(self.base_url)

    def _sender(self) -> Sender:
        """This thread's sender."""
        return self._senders.mine(self._new_sender)

    def _new_sender(self) -> Sender:
        return Sender(guarded(self.create_session(), self.base_url), self.base_url)

    def _request(
        self,
        method: str,
        path: str,
        *segments: str,
        query: Mapping[str, str] | None = None,
        information: Mapping[str, object] | None = None,
    ) -> JSON:
        # The route, not the address: references and tokens stay out of messages.
        route = f"{method} {path.replace('{}', '…')}"
        address = path.format(*(path_segment(route, segment) for segment in segments))
        body = None if information is None else json_body(route, information)
        values = [*segments, *(query or {}).values(), *(information or {}).values()]
        sender = self._sender()
        with Call(time.monotonic() + sum(self.timeout)) as call:
            request = self._signature(sender.prepare(route, method, address, query, body))
            self._local.requests_sent, self._local.last_status = self.requests_sent + 1, None
            with sender.send(route, request, self.timeout, call) as response:
                self._local.last_status = response.status_code
                return parsed_answer(route, response, call, values)
