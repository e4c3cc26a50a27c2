"""The cards' page: fetches them live, shows what each is and pays for, and deletes the chosen ones after a question.

A token lives in the form of this page alone, signed and for a few minutes: never in a database, a log or an address.
Why a card was not deleted is shown on the answer to that very request and kept nowhere, for 2Checkout's words may quote
anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from .. import sync
from ..exceptions import AuthenticationFailed, CardNotDeleted, ConnectionFailed, RequestRejected, TwoCheckoutError
from ..models import Customer, Source
from ..serializers import Card
from .pages import CustomerPages

#: Seconds for which a page's choice is good.
CHOICE_SECONDS = 15 * 60
#: The cards of so many customers are fetched for one page.
MOST_CUSTOMERS = 20

_SALT = "twocheckout.card"


@dataclass(frozen=True)
class Refused:
    """A card that stayed: whose it is, what a person reads of it, why, and the subscriptions that were named."""

    customer: str
    label: str
    words: str
    subscriptions: tuple[str, ...] = ()
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Row:
    """A line of the table. Without a seal it cannot be chosen; the remark says why that is, or why it was refused."""

    card: Card
    label: str
    sealed: str
    subscriptions: tuple[str, ...]
    remark: str
    refused: bool


@dataclass
class Holder:
    """A customer on the page, with the cards as they are now, or the reason why they cannot be told."""

    customer: Customer
    rows: list[Row] = field(default_factory=list)
    problem: str = ""


@sensitive_variables()
def seal(customer: Customer, card: str, token: str) -> str:
    """The form's value for this card. Signed, so that a page cannot name a card it was not given."""
    return signing.dumps({"customer": str(customer.pk), "card": card, "token": token}, salt=_SALT)


@sensitive_variables()
def unseal(sealed: str) -> dict[str, str]:
    """The facts behind a form's value; signing.BadSignature if it is forged or too old."""
    facts: dict[str, str] = signing.loads(sealed, salt=_SALT, max_age=CHOICE_SECONDS)
    return facts


def _label(customer: Customer, card: Card) -> str:
    """What a person reads of this card when it is not beside the others."""
    return f"{customer}: {card}" + (f" ({', '.join(card.subscriptions)})" if card.subscriptions else "")


@sensitive_variables()
def _rows(customer: Customer, cards: list[Card], refusals: list[Refused]) -> list[Row]:
    """The lines for these cards; a refusal that is about one of them is taken off the list."""
    labels = Counter(_label(customer, card) for card in cards)
    refused = Counter(one.label for one in refusals if one.customer == str(customer.pk))
    rows = []
    for card in cards:
        label = _label(customer, card)
        # By its token; a token may be new, so also by what it is called, unless a like card was not refused.
        about = [one for one in refusals if card.token and one.token == card.token]
        if labels[label] == refused[label]:
            about += [one for one in refusals if (one.customer, one.label) == (str(customer.pk), label)]
        if about:
            refusals.remove(about[0])
        rows.append(_row(customer, card, label, about[0] if about else None))
    return rows


@sensitive_variables()
def _row(customer: Customer, card: Card, label: str, refused: Refused | None) -> Row:
    subscriptions, remark = card.subscriptions, ""
    if refused:
        subscriptions = tuple(dict.fromkeys([*subscriptions, *refused.subscriptions]))
        remark = _("It was not deleted: %(reason)s") % {"reason": refused.words}
    elif not card.token:
        remark = _("It cannot be deleted here, for 2Checkout gave no token for it.")
        if card.reason:
            remark += " " + _("Single sign-on gave none either: %(reason)s") % {"reason": card.reason}
    sealed = seal(customer, label, card.token) if card.token else ""
    return Row(card, label, sealed, subscriptions, remark, refused is not None)


def _entry(error: RequestRejected) -> str:
    """What the admin's log says of a refusal: 2Checkout's code, and none of its words."""
    reasons = error.reasons if isinstance(error, CardNotDeleted) else ()
    code = error.code or next((reason.code for reason in reasons if reason.code), "") or str(error.status)
    return _("Deleting a card was refused by 2Checkout (%(code)s).") % {"code": code}


class CardsPage(CustomerPages):
    """The part of the customers' admin that shows and deletes cards."""

    @admin.action(description=gettext_lazy("Delete cards…"), permissions=["delete_card"])
    def choose_cards(self, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
        pks = list(queryset.values_list("pk", flat=True)[: MOST_CUSTOMERS + 1])
        if len(pks) > MOST_CUSTOMERS:
            words = _("The cards of at most %(count)d customers can be shown at a time.") % {"count": MOST_CUSTOMERS}
            self.message_user(request, words, messages.WARNING)
            return None
        return redirect(f"{self.address('cards')}?{urlencode({'customer': pks}, doseq=True)}")

    def get_urls(self) -> list[Any]:
        return [path("cards/", self.wrapped(self.cards_view), name=self.address_name("cards")), *super().get_urls()]

    @method_decorator([sensitive_post_parameters("card"), sensitive_variables()])
    def cards_view(self, request: HttpRequest) -> HttpResponse:
        """GET shows the cards as 2Checkout has them now; POST asks once more, then deletes.

        After a refusal the page stays, fetched anew, with the reason beside the card.
        """
        if not self._may_delete(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._show(request)
        chosen = self._chosen(request)
        if not chosen:
            self.message_user(
                request, _("Choose at least one card. A choice is good for 15 minutes."), messages.WARNING
            )
            return HttpResponseRedirect(request.get_full_path())
        if "confirmed" not in request.POST:
            title = ngettext("Delete this card at 2Checkout?", "Delete these cards at 2Checkout?", len(chosen))
            return self.page(request, "customer/delete_cards.html", title, chosen=chosen, one=self._one(request))
        refusals = self._delete(request, [facts for _sealed, facts in chosen])
        return self._show(request, refusals) if refusals else self._back(request)

    # What is shown.

    def _show(self, request: HttpRequest, refusals: Iterable[Refused] = ()) -> HttpResponse:
        remaining = list(refusals)
        holders = self._holders(self._customers(request), remaining)
        problems = [f"{one.label}: {one.words}" for one in remaining]
        if any(holder.problem for holder in holders):
            problems += self._pause()
        one = self._one(request)
        title = _("Cards of %(customer)s at 2Checkout") % {"customer": one} if one else _("Cards at 2Checkout")
        choosable = any(row.sealed for holder in holders for row in holder.rows)
        # The page holds tokens; the admin lets no browser or proxy store any of its pages.
        return self.page(
            request, "customer/cards.html", title, holders=holders, one=one, problems=problems, choosable=choosable
        )

    @staticmethod
    @sensitive_variables()
    def _holders(customers: list[Customer], refusals: list[Refused]) -> list[Holder]:
        holders, nobody_there = [], ""
        for customer in customers:
            if not customer.customer_reference:
                holders.append(Holder(customer, problem=_("2Checkout does not have this customer yet.")))
                continue
            if nobody_there:  # nor will there be for the others: each would be a wait
                holders.append(Holder(customer, problem=nobody_there))
                continue
            try:
                cards = sync.cards(customer)
            except TwoCheckoutError as error:
                problem = _("The cards could not be fetched: %(reason)s") % {"reason": error.words}
                nobody_there = problem if isinstance(error, ConnectionFailed | AuthenticationFailed) else ""
                holders.append(Holder(customer, problem=problem))
            else:
                holders.append(Holder(customer, _rows(customer, cards, refusals)))
        return holders

    @staticmethod
    def _pause() -> list[str]:
        account = sync.look()
        if not (account and account.paused_until):
            return []
        return [
            _("There is trouble with the whole account, not only with this customer: %(reason)s")
            % {"reason": account.reason}
        ]

    def _customers(self, request: HttpRequest) -> list[Customer]:
        """The customers that the address names and whose cards this person may see and delete."""
        pks = [pk for pk in request.GET.getlist("customer") if pk.isdecimal() and len(pk) < 19][:MOST_CUSTOMERS]
        return [one for one in self.get_queryset(request).filter(pk__in=pks) if self._may_delete(request, one)]

    def _may_delete(self, request: HttpRequest, customer: Customer | None = None) -> bool:
        return self.has_delete_card_permission(request, customer) and self.has_view_permission(request, customer)

    def _one(self, request: HttpRequest) -> Customer | None:
        """The customer whom the page is about, if it is about one."""
        customers = self._customers(request)
        return customers[0] if len(customers) == 1 else None

    # What is done.

    @staticmethod
    @sensitive_variables()
    def _chosen(request: HttpRequest) -> list[tuple[str, dict[str, str]]]:
        chosen = []
        for sealed in request.POST.getlist("card"):
            try:
                chosen.append((sealed, unseal(sealed)))
            except signing.BadSignature:
                continue
        return chosen

    @sensitive_variables()
    def _delete(self, request: HttpRequest, chosen: list[dict[str, str]]) -> list[Refused]:
        """Delete the cards one by one and say how many went; those that stayed, and why."""
        deleted, refusals = 0, []
        for facts in chosen:
            customer = self.get_queryset(request).filter(pk=facts["customer"]).first()
            if customer is None or not self._may_delete(request, customer):
                refusals.append(Refused("", facts["card"], _("This customer is no longer here.")))
            elif refused := self._refused(request, customer, facts):
                refusals.append(refused)
            else:
                deleted += 1
        parts = []
        if deleted:
            parts.append(ngettext("%(count)d card deleted.", "%(count)d cards deleted.", deleted) % {"count": deleted})
        if refusals:
            kept = ngettext(
                "%(count)d card not deleted; the reason stands below.",
                "%(count)d cards not deleted; the reasons stand below.",
                len(refusals),
            )
            parts.append(kept % {"count": len(refusals)})
        level = messages.SUCCESS if not refusals else messages.WARNING if deleted else messages.ERROR
        self.message_user(request, " ".join(parts), level)
        return refusals

    @sensitive_variables()
    def _refused(self, request: HttpRequest, customer: Customer, facts: dict[str, str]) -> Refused | None:
        """Delete this card; why it stayed, or None if it is gone."""
        try:
            sync.delete_card(customer, facts["token"], source=Source.USER, user=request.user.pk)
        except TwoCheckoutError as error:
            if isinstance(error, RequestRejected) and error.status:  # else it was refused here, and never sent
                self.log_change(request, customer, _entry(error))
            reasons = error.reasons if isinstance(error, CardNotDeleted) else ()
            subscriptions = tuple(reason.subscription for reason in reasons if reason.subscription)
            return Refused(facts["customer"], facts["card"], error.words, subscriptions, facts["token"])
        self.log_change(request, customer, _("Deleted a card at 2Checkout."))
        return None

    def _back(self, request: HttpRequest) -> HttpResponse:
        """To the customer's form if it is about one customer, else to the list."""
        if one := self._one(request):
            return redirect(self.address("change", one.pk))
        return redirect(self.address("changelist"))
