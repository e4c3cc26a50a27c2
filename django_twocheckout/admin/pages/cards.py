"""The cards' page: fetches cards live, shows them with their subscriptions, and deletes chosen ones after a question.

A token lives in this page's form alone, signed and for a few minutes: never in a database, a log or an address. The
reason for a failed deletion is shown once and stored nowhere, because 2Checkout's words may quote anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from ... import sync
from ...exceptions import AuthenticationFailed, CardNotDeleted, ConnectionFailed, RequestRejected, TwoCheckoutError
from ...flows.account import current_accounts
from ...flows.card_seal import seal, unseal
from ...models import Customer, Source
from ...redaction import redacted_repr
from ...sync import Card
from .. import accounts
from ..base import Page
from ..display.failures import translated
from ..display.subscriptions import SubscriptionWords

#: The most customers with cards on one page.
MOST_CUSTOMERS = 20


@dataclass(frozen=True)
class DeletionFailure:
    """A card that was not deleted: its customer, its label, the reason in words, and 2Checkout's subscriptions."""

    customer: str
    label: str
    words: str
    subscriptions: tuple[str, ...] = ()
    token: str = ""

    __repr__ = redacted_repr


@dataclass(frozen=True)
class Row:
    """A line of the table. Without a seal it cannot be chosen. The remark says why, or why a deletion failed."""

    card: Card
    label: str
    sealed: str
    subscriptions: tuple[str, ...]
    remark: str
    refused: bool

    __repr__ = redacted_repr


@dataclass
class Holder:
    """A customer on the page, with the cards as they are now, or the reason for showing none."""

    customer: Customer
    rows: list[Row] = field(default_factory=list)
    problem: str = ""

    __repr__ = redacted_repr


def _label(customer: Customer, card: Card) -> str:
    """The card's label away from the others."""
    return f"{customer}: {card}" + (f" ({', '.join(card.subscriptions)})" if card.subscriptions else "")


@sensitive_variables()
def _rows(customer: Customer, cards: list[Card], failures: list[DeletionFailure], user: object) -> list[Row]:
    """The lines for these cards. A failure about one of them is removed from *failures*."""
    labels = Counter(_label(customer, card) for card in cards)
    failed = Counter(one.label for one in failures if one.customer == str(customer.pk))
    rows = []
    for card in cards:
        label = _label(customer, card)
        # By its token. A token may be new, so also by its label, unless the failure may be about another like card.
        about = [one for one in failures if card.token and one.token == card.token]
        if labels[label] == failed[label]:
            about += [one for one in failures if (one.customer, one.label) == (str(customer.pk), label)]
        if about:
            failures.remove(about[0])
        sealed = seal(customer, card, label, user) if card.token else ""
        rows.append(_row(card, label, sealed, about[0] if about else None))
    return rows


@sensitive_variables()
def _row(card: Card, label: str, sealed: str, failure: DeletionFailure | None) -> Row:
    subscriptions, remark = card.subscriptions, ""
    if failure:
        subscriptions = tuple(dict.fromkeys([*subscriptions, *failure.subscriptions]))
        remark = _("It was not deleted: %(reason)s") % {"reason": failure.words}
    elif not card.token:
        remark = _("It cannot be deleted here, for 2Checkout gave no token for it.")
        if card.reason:
            remark += " " + _("Single sign-on gave none either: %(reason)s") % {"reason": card.reason}
    return Row(card, label, sealed, subscriptions, remark, failure is not None)


def _entry(error: RequestRejected) -> str:
    """The entry in the admin's log about a refusal: 2Checkout's code, and none of its words."""
    reasons = error.reasons if isinstance(error, CardNotDeleted) else ()
    code = error.code or next((reason.code for reason in reasons if reason.code), "") or str(error.status)
    return _("Deleting a card was refused by 2Checkout (%(code)s).") % {"code": code}


class CardsPage(Page):
    """Shows the cards of a few customers, and deletes chosen ones."""

    def choose(self, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
        """Open the page for these customers, or say that they are too many."""
        pks = list(queryset.values_list("pk", flat=True)[: MOST_CUSTOMERS + 1])
        if len(pks) > MOST_CUSTOMERS:
            words = _("The cards of at most %(count)d customers can be shown at a time.") % {"count": MOST_CUSTOMERS}
            self.admin.message_user(request, words, messages.WARNING)
            return None
        return redirect(f"{self.admin.address('cards')}?{urlencode({'customer': pks}, doseq=True)}")

    def urls(self) -> list[URLPattern]:
        return [self.route("cards/", self.cards_view, "cards")]

    @method_decorator([sensitive_post_parameters("card", "only"), sensitive_variables()])
    def cards_view(self, request: HttpRequest) -> HttpResponse:
        """GET shows the cards as 2Checkout has them now. POST asks once more, then deletes.

        After a failure the page stays, fetched anew, with the reason beside the card.
        """
        if not self._may_delete(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._show(request)
        chosen = self._chosen(request)
        if not chosen:
            self.admin.message_user(
                request, _("Choose at least one card. A choice is good for 15 minutes."), messages.WARNING
            )
            return HttpResponseRedirect(request.get_full_path())
        if "confirmed" not in request.POST:
            title = ngettext("Delete this card at 2Checkout?", "Delete these cards at 2Checkout?", len(chosen))
            return self.admin.page(request, "customer/delete_cards.html", title, chosen=chosen, one=self._one(request))
        failures = self._delete(request, [facts for _sealed, facts in chosen])
        return self._show(request, failures) if failures else self._back(request)

    # Showing.

    def _show(self, request: HttpRequest, failures: Iterable[DeletionFailure] = ()) -> HttpResponse:
        remaining = list(failures)
        holders = self._holders(self._customers(request), remaining, request.user.pk)
        problems = [f"{one.label}: {one.words}" for one in remaining]
        if any(holder.problem for holder in holders):
            problems += self._pauses({holder.customer.account for holder in holders if holder.problem})
        one = self._one(request)
        title = _("Cards of %(customer)s at 2Checkout") % {"customer": one} if one else _("Cards at 2Checkout")
        choosable = any(row.sealed for holder in holders for row in holder.rows)
        # The page holds tokens. The admin forbids browsers and proxies to store its pages.
        return self.admin.page(
            request, "customer/cards.html", title, holders=holders, one=one, problems=problems, choosable=choosable
        )

    @staticmethod
    @sensitive_variables()
    def _holders(customers: list[Customer], failures: list[DeletionFailure], user: object) -> list[Holder]:
        holders: list[Holder] = []
        #: By account: why no others of it are asked about. They would get no answer either, and each would be a wait.
        unreachable: dict[str, str] = {}
        for customer in customers:
            if not customer.customer_reference:
                holders.append(Holder(customer, problem=_("2Checkout does not have this customer yet.")))
                continue
            if problem := unreachable.get(customer.account) or accounts.nothing_sent(customer):
                holders.append(Holder(customer, problem=problem))
                continue
            try:
                cards = sync.cards(customer)
            except TwoCheckoutError as error:
                problem = _("The cards could not be fetched: %(reason)s") % {"reason": translated(error.words)}
                if isinstance(error, ConnectionFailed | AuthenticationFailed):
                    unreachable[customer.account] = problem
                holders.append(Holder(customer, problem=problem))
            else:
                holders.append(Holder(customer, _rows(customer, cards, failures, user)))
        return holders

    @staticmethod
    def _pauses(aliases: set[str]) -> list[str]:
        words = _("There is trouble with the whole account, not only with this customer: %(reason)s")
        if accounts.are_several():
            words = _("There is trouble with the whole account “%(account)s”, not only with this customer: %(reason)s")
        return [
            words % {"account": state.alias, "reason": translated(state.reason)}
            for state in current_accounts(accounts=aliases)
            if state.open_until
        ]

    def _customers(self, request: HttpRequest) -> list[Customer]:
        """The customers in the address, if this person may see them and delete their cards."""
        pks = [pk for pk in request.GET.getlist("customer") if pk.isdecimal() and len(pk) < 19][:MOST_CUSTOMERS]
        return [one for one in self.admin.get_queryset(request).filter(pk__in=pks) if self._may_delete(request, one)]

    def _may_delete(self, request: HttpRequest, customer: Customer | None = None) -> bool:
        may_delete = self.admin.has_delete_card_permission(request, customer)
        return may_delete and self.admin.has_view_permission(request, customer)

    def _one(self, request: HttpRequest) -> Customer | None:
        """The page's customer, if it is about one."""
        customers = self._customers(request)
        return customers[0] if len(customers) == 1 else None

    # Deleting.

    @staticmethod
    @sensitive_variables()
    def _chosen(request: HttpRequest) -> list[tuple[str, dict[str, str]]]:
        chosen = []
        # The button beside a card is about that card alone, whatever else is marked.
        for sealed in request.POST.getlist("only") or request.POST.getlist("card"):
            try:
                facts = unseal(sealed)
            except signing.BadSignature:
                continue
            if facts["user"] == str(request.user.pk):
                chosen.append((sealed, facts))
        return chosen

    @sensitive_variables()
    def _delete(self, request: HttpRequest, chosen: list[dict[str, str]]) -> list[DeletionFailure]:
        """Delete the cards one by one, and say how many are gone. Returns the failures."""
        deleted, failures, subscriptions = 0, [], SubscriptionWords()
        for facts in chosen:
            customer = self.admin.get_queryset(request).filter(pk=facts["customer"]).first()
            if customer is None or not self._may_delete(request, customer):
                failures.append(DeletionFailure("", facts["card"], _("This customer is no longer here.")))
            elif failure := self._delete_one(request, customer, facts, subscriptions):
                failures.append(failure)
            else:
                deleted += 1
        parts = []
        if deleted:
            parts.append(ngettext("%(count)d card deleted.", "%(count)d cards deleted.", deleted) % {"count": deleted})
        if failures:
            not_deleted = ngettext(
                "%(count)d card not deleted; the reason stands below.",
                "%(count)d cards not deleted; the reasons stand below.",
                len(failures),
            )
            parts.append(not_deleted % {"count": len(failures)})
        level = messages.SUCCESS if not failures else messages.WARNING if deleted else messages.ERROR
        self.admin.message_user(request, " ".join(parts), level)
        return failures

    @sensitive_variables()
    def _delete_one(
        self, request: HttpRequest, customer: Customer, facts: dict[str, str], known: SubscriptionWords
    ) -> DeletionFailure | None:
        """Delete this card. Returns the failure, which says what the subscriptions are, or None for success."""
        try:
            sync.delete_card(customer, facts["token"], card=facts["shown"], source=Source.USER, user=request.user.pk)
        except TwoCheckoutError as error:
            if isinstance(error, RequestRejected) and error.status:  # without a status it was never sent
                self.admin.log_change(request, customer, _entry(error))
            reasons = error.reasons if isinstance(error, CardNotDeleted) else ()
            subscriptions = tuple(reason.subscription for reason in reasons if reason.subscription)
            words = translated(error.words)
            if told := known.of(customer, subscriptions):
                words = ". ".join([words.rstrip("."), *told])
            return DeletionFailure(facts["customer"], facts["card"], words, subscriptions, facts["token"])
        self.admin.log_change(request, customer, _("Deleted a card at 2Checkout."))
        return None

    def _back(self, request: HttpRequest) -> HttpResponse:
        """To the form of a single customer, otherwise to the list."""
        if one := self._one(request):
            return redirect(self.admin.address("change", one.pk))
        return redirect(self.admin.address("changelist"))
