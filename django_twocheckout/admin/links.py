"""Links between a customer and the project's own objects that point to it, both ways, for those who may see them.

``links_of`` is for the panel above the customer's form, ``CustomerStateMixin`` for a project's own admin.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import ForeignKey, ForeignObjectRel, Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.text import capfirst

from ..models import Customer
from ..redaction import redacted_repr
from .display.state_summary import badge

if TYPE_CHECKING:
    from .base import PagedAdmin

    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

#: Objects of one model that are listed. The others are behind a link to their list.
LISTED = 5


@dataclass(frozen=True)
class Links:
    """The objects of one model that point to a customer, each as its words and its address."""

    label: str
    objects: list[tuple[str, str]]
    #: The list of them all, if there are more.
    more: str

    __repr__ = redacted_repr


def links_of(ours: PagedAdmin, request: HttpRequest, customer: Customer) -> list[Links]:
    """The project's objects that point to this customer, of the models with an admin in this site."""
    found = [_links(ours, request, customer, field) for field in _pointing_to_customers()]
    return [links for links in found if links is not None]


def _pointing_to_customers() -> Iterator[ForeignKey[Any, Any]]:
    """The foreign keys and one-to-one fields of other apps' models."""
    for relation in Customer._meta.get_fields(include_hidden=True):
        field = relation.field if isinstance(relation, ForeignObjectRel) else None
        if isinstance(field, ForeignKey) and field.model._meta.app_label != Customer._meta.app_label:
            yield field


def _links(ours: PagedAdmin, request: HttpRequest, customer: Customer, field: ForeignKey[Any, Any]) -> Links | None:
    theirs = ours.sibling_admin(field.model)
    if theirs is None or isinstance(customer, field.model) or not theirs.has_view_or_change_permission(request):
        return None
    key = customer.serializable_value(field.target_field.attname)
    rows = list(theirs.get_queryset(request).filter(**{field.attname: key})[: LISTED + 1])
    shown = [row for row in rows[:LISTED] if theirs.has_view_or_change_permission(request, row)]
    more = ""
    if len(rows) > LISTED:
        more = f"{ours.address('changelist', model=field.model)}?{urlencode({f'{field.name}__exact': key})}"
    objects = [(str(row), ours.address("change", quote(row.pk), model=field.model)) for row in shown]
    return Links(capfirst(str(field.model._meta.verbose_name)), objects, more) if objects else None


class CustomerStateMixin(ModelAdmin):
    """For a project's own admin of objects that point to a customer: adds the column ``customer_state``.

    It shows the customer's state, as a link to the customer for those who may see it. Stands first in the bases. The
    column is for ``list_display``, and for ``readonly_fields`` of the form. One statement reads a page's customers.
    """

    #: The field that points to the customer, or the way to it, such as ``"account__customer"``.
    customer_field: ClassVar[str] = "customer"

    class Media:
        css = {"all": ["twocheckout/admin.css"]}

    @admin.display(description="2Checkout")
    def customer_state(self, obj: Model) -> str:
        return str(getattr(obj, "shown_customer_state", "-"))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changes = super().get_changelist_instance(request)
        self.find_customers(request, changes.result_list)
        return changes

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            self.find_customers(request, [found])
        return found

    def find_customers(self, request: HttpRequest, objects: Iterable[Model]) -> None:
        """Note on each of these objects the state of its customer, as far as this person may see it."""
        try:
            customers = self.admin_site.get_model_admin(Customer)
        except NotRegistered:
            return
        if not customers.has_view_or_change_permission(request):
            return
        *way, name = self.customer_field.split("__")
        holders = [(one, _follow(one, way)) for one in objects]
        found = [(one, holder) for one, holder in holders if holder is not None]
        if not found:
            return
        field: Any = found[0][1]._meta.get_field(name)
        target = field.target_field
        keys = {one: getattr(holder, field.attname) for one, holder in found}
        rows = customers.get_queryset(request).filter(**{f"{target.name}__in": set(keys.values()) - {None}})
        states = {
            getattr(row, target.attname): self._shown(row)
            for row in rows
            if customers.has_view_or_change_permission(request, row)
        }
        for one, key in keys.items():
            if key in states:
                vars(one)["shown_customer_state"] = states[key]

    def _shown(self, customer: Customer) -> str:
        name = f"admin:{Customer._meta.app_label}_{Customer._meta.model_name}_change"
        address = reverse(name, args=[quote(customer.pk)], current_app=self.admin_site.name)
        return format_html('<a href="{}">{}</a>', address, badge(customer))


def _follow(start: Model, way: Iterable[str]) -> Model | None:
    """The object at the end of this way, or None where it ends before."""
    one: Model | None = start
    for name in way:
        try:
            one = getattr(one, name)
        except ObjectDoesNotExist:
            return None
        if one is None:
            return None
    return one
