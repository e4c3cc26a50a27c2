"""The page that deletes cards: fetches them live, lets a person choose, asks once more, and deletes.

A token lives in the form of this page alone, signed and for a few minutes: never in a database, a log or an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import sync
from ..exceptions import TwoCheckoutError
from ..models import Customer, Source
from .pages import Pages

#: Seconds for which a page's choice is good.
CHOICE_SECONDS = 15 * 60
#: The cards of so many customers are fetched for one page.
MOST_CUSTOMERS = 20

_SALT = "twocheckout.card"


@dataclass(frozen=True)
class Choice:
    """A card that can be chosen: who has it, what a person reads of it, and the sealed token."""

    customer: str
    card: str
    sealed: str


def seal(customer: Customer, card: str, token: str) -> str:
    """The form's value for this card. Signed, so that a page cannot name a card it was not given."""
    return signing.dumps({"customer": str(customer.pk), "card": card, "token": token}, salt=_SALT)


def unseal(sealed: str) -> dict[str, str]:
    """The facts behind a form's value; signing.BadSignature if it is forged or too old."""
    facts: dict[str, str] = signing.loads(sealed, salt=_SALT, max_age=CHOICE_SECONDS)
    return facts


class CardsPage(Pages):
    """The part of the customers' admin that deletes cards."""

    @admin.action(description=gettext_lazy("Delete cards…"), permissions=["delete_card"])
    def choose_cards(self, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
        pks = list(queryset.values_list("pk", flat=True)[: MOST_CUSTOMERS + 1])
        if len(pks) > MOST_CUSTOMERS:
            words = _("The cards of at most %(count)d customers can be shown at a time.") % {"count": MOST_CUSTOMERS}
            self.message_user(request, words, messages.WARNING)
            return None
        address = reverse("admin:twocheckout_customer_cards")
        return redirect(f"{address}?{urlencode({'customer': pks}, doseq=True)}")

    def get_urls(self) -> list[Any]:
        return [path("cards/", self.wrapped(self.cards_view), name="twocheckout_customer_cards"), *super().get_urls()]

    def cards_view(self, request: HttpRequest) -> HttpResponse:
        """GET shows the cards as 2Checkout has them now; POST asks once more, then deletes."""
        if not (self.has_delete_card_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        if request.method != "POST":
            return self._choose(request)
        chosen = self._chosen(request)
        if not chosen:
            self.message_user(
                request, _("Choose at least one card. A choice is good for 15 minutes."), messages.WARNING
            )
            return HttpResponseRedirect(request.get_full_path())
        if "confirmed" not in request.POST:
            return self._page(request, confirm=[Choice("", facts["card"], sealed) for sealed, facts in chosen])
        self._delete(request, [facts for _sealed, facts in chosen])
        return self._back(request)

    def _choose(self, request: HttpRequest) -> HttpResponse:
        choices, problems = [], []
        pks = [pk for pk in request.GET.getlist("customer") if pk.isdigit()][:MOST_CUSTOMERS]
        for customer in self.get_queryset(request).filter(pk__in=pks):
            try:
                cards = sync.cards(customer)
            except TwoCheckoutError as error:
                problems.append(f"{customer}: {error.words}")
                continue
            if not cards:
                problems.append(_("%(customer)s has no cards at 2Checkout.") % {"customer": customer})
            for card in cards:
                label = f"{customer}: {card}"
                if card.token:
                    choices.append(Choice(str(customer), str(card), seal(customer, label, card.token)))
                else:
                    problems.append(
                        _("%(card)s: 2Checkout gave no token with which it could be deleted.") % {"card": label}
                    )
        return self._page(request, choices=choices, problems=problems)

    def _page(self, request: HttpRequest, **content: Any) -> HttpResponse:
        # The page holds tokens; the admin lets no browser or proxy store any of its pages.
        return self.page(request, "delete_cards.html", _("Delete cards at 2Checkout"), **content)

    @staticmethod
    def _chosen(request: HttpRequest) -> list[tuple[str, dict[str, str]]]:
        chosen = []
        for sealed in request.POST.getlist("card"):
            try:
                chosen.append((sealed, unseal(sealed)))
            except signing.BadSignature:
                continue
        return chosen

    def _delete(self, request: HttpRequest, chosen: list[dict[str, str]]) -> None:
        deleted, refusals = 0, []
        for facts in chosen:
            customer = self.get_queryset(request).filter(pk=facts["customer"]).first()
            if customer is None:
                continue
            try:
                sync.delete_card(customer, facts["token"], source=Source.USER, user=request.user.pk)
            except TwoCheckoutError as error:
                refusals.append(f"{facts['card']}: {error.words}")
            else:
                deleted += 1
                self.log_change(request, customer, _("Deleted a card at 2Checkout."))
        parts = []
        if deleted:
            parts.append(ngettext("%(count)d card deleted.", "%(count)d cards deleted.", deleted) % {"count": deleted})
        if refusals:
            kept = ngettext("%(count)d card not deleted.", "%(count)d cards not deleted.", len(refusals))
            parts += [kept % {"count": len(refusals)}, *refusals]
        level = messages.SUCCESS if not refusals else messages.WARNING if deleted else messages.ERROR
        self.message_user(request, " ".join(parts), level)

    @staticmethod
    def _back(request: HttpRequest) -> HttpResponse:
        """To the customer's form if it is about one customer, else to the list."""
        pks = request.GET.getlist("customer")
        if len(pks) == 1 and pks[0].isdigit():
            return redirect(reverse("admin:twocheckout_customer_change", args=pks))
        return redirect(reverse("admin:twocheckout_customer_changelist"))
