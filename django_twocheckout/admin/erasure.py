"""The list of erasures, from ``models.Erasure``: what was asked, by whom, and what came of it. Nothing to edit.

It holds no names. A reference is searched by its hash: a person who has it can ask whether its customer was erased.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db import router
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..conf import signing_keys
from ..models import Customer, Erasure, ErasureState, erasure_words, reference_hash
from .base import PagedAdmin, user_names
from .display.failures import translated

#: The sync state with the same colour, and an icon: colour alone must not tell them apart.
_LOOKS = {
    ErasureState.UNDER_WAY: ("pending", "◷"),
    ErasureState.ERASED: ("synced", "✓"),
    ErasureState.KEPT: ("failed", "⚠"),
    ErasureState.REFUSED: ("failed", "✗"),
}


class ErasureAdmin(PagedAdmin):
    """Nothing to edit: a list of erasures, and a page for each."""

    list_display = ["row", "state_and_words", "begun_at", "ended_at", "person"]
    list_display_links = ["row"]
    list_filter = ["state"]
    list_per_page = 50
    ordering = ["-pk"]
    search_fields = ["reference_hash"]
    search_help_text = gettext_lazy("Search by a whole reference, 2Checkout's own or ours.")
    readonly_fields = [
        "row",
        "account",
        "shown_state",
        "in_words",
        "begun_at",
        "ended_at",
        "person",
        "with_active_subscriptions",
        "stays_away",
    ]
    fields = [*readonly_fields]

    class Media:
        css = {"all": ["twocheckout/themes.css", "twocheckout/admin.css"]}

    # People who may erase customers see what came of it.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Erasure | None = None) -> bool:
        customers = self.sibling_admin(Customer)
        may_erase = customers is not None and customers.has_erase_permission(request)
        return may_erase or request.user.has_perm("twocheckout.view_erasure")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Erasure | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Erasure | None = None) -> bool:
        return False

    # The list.

    def get_queryset(self, request: HttpRequest) -> QuerySet[Erasure]:
        # A replica may lack an erasure that has just begun.
        return super().get_queryset(request).using(router.db_for_write(Erasure))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Erasure], search_term: str
    ) -> tuple[QuerySet[Erasure], bool]:
        """Find the customers of this reference, in any account and by any key that the settings still have."""
        term = search_term.strip()
        if not term:
            return queryset, False
        hashes = [reference_hash(term, key) for key in signing_keys()]
        return queryset.filter(Q(reference_hash__in=hashes) | Q(external_reference_hash__in=hashes)), False

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changes = super().get_changelist_instance(request)
        names = user_names(erasure.user for erasure in changes.result_list)
        for erasure in changes.result_list:
            erasure.person_name = names.get(erasure.user, "")
        return changes

    @admin.display(description=gettext_lazy("customer"), ordering="pk")
    def row(self, erasure: Erasure) -> str:
        return _("Row %(key)s") % {"key": erasure.customer_id}

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def shown_state(self, erasure: Erasure) -> str:
        look, icon = _LOOKS[ErasureState(erasure.state)]
        shown = '<span class="tco-state tco-state-{}"><span aria-hidden="true">{}</span> {}</span>'
        return format_html(shown, look, icon, erasure.get_state_display())

    @admin.display(description=gettext_lazy("in words"))
    def in_words(self, erasure: Erasure) -> str:
        return erasure_words.in_words(translated(erasure.words))

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_and_words(self, erasure: Erasure) -> str:
        words = format_html('<div class="tco-reason">{}</div>', self.in_words(erasure)) if erasure.words else ""
        return format_html("{}{}", self.shown_state(erasure), words)

    @admin.display(description=gettext_lazy("asked by"))
    def person(self, erasure: Any) -> str:
        name = getattr(erasure, "person_name", None)
        if name is None:
            name = user_names([erasure.user]).get(erasure.user, "")
        return name or str(erasure.get_source_display())

    @admin.display(description=gettext_lazy("kept from coming back"))
    def stays_away(self, erasure: Erasure) -> str:
        if erasure.state == ErasureState.REFUSED:
            return _("It was not erased.")
        if erasure.is_recognised:
            return _("An import or a notification does not bring this customer back.")
        return _(
            "The SECRET_KEY of that time is no longer in the settings, so an import or a notification may bring this "
            "customer back. Add it to SECRET_KEY_FALLBACKS."
        )
