"""Filters, searches and orders the list of customers by query parameters, each on a column with an index."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.settings import api_settings

from ..models import SyncState
from .pagination import PageQuery
from .strict import StrictSerializer, Text

#: By the parameter's value: the column of the order. Any other order would sort every row for one page.
ORDERS = {
    "id": "pk",
    "-id": "-pk",
    "last_name": "last_name",
    "-last_name": "-last_name",
    "email": "email",
    "-email": "-email",
}
#: Filters by the whole value.
EXACT = (
    "account",
    "country_code",
    "customer_reference",
    "email",
    "external_customer_reference",
    "last_name",
    "sync_state",
)
#: Columns of a search for a whole value. Parts of values have no index.
SEARCHED = ("customer_reference", "external_customer_reference", "email", "last_name")


class Query(StrictSerializer):
    """Query parameters. An unknown one is refused, because it may be a slip in the name of a filter."""

    default_error_messages = {"unknown": _("There is no such parameter.")}

    @classmethod
    def asked(cls, request: Request) -> dict[str, Any]:
        """The valid parameters of this request. Raises ValidationError, with words, for any other."""
        given = request.query_params.dict()
        given.pop(str(api_settings.URL_FORMAT_OVERRIDE), None)
        query = cls(data=given)
        query.is_valid(raise_exception=True)
        asked: dict[str, Any] = query.validated_data
        return asked


class StatusQuery(Query):
    """The query parameters of the status."""

    account = Text(required=False, max_length=64)


class ListQuery(PageQuery, Query):
    """The query parameters of the list. A project's own ones are added in a subclass."""

    sync_state = serializers.ChoiceField(SyncState.choices, required=False)
    account = Text(required=False, max_length=64)
    country_code = Text(required=False, max_length=2)
    customer_reference = Text(required=False, max_length=64)
    email = Text(required=False, max_length=254)
    external_customer_reference = Text(required=False, max_length=250)
    last_name = Text(required=False, max_length=255)
    search = Text(required=False, max_length=255, help_text=_("A whole reference, e-mail address or last name."))
    ordering = serializers.ChoiceField(list(ORDERS), required=False)


class CustomerFilter(BaseFilterBackend):
    """Filters and orders the list. Raises ValidationError for a parameter or a value that is not expected."""

    query_class: ClassVar[type[ListQuery]] = ListQuery

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        if view.action != "list":
            return queryset
        return self.apply(queryset, self.query_class.asked(request))

    def apply(self, queryset: QuerySet[Any], asked: dict[str, Any]) -> QuerySet[Any]:
        """The customers that were asked for, in the order that was asked for. *asked*: the valid parameters."""
        queryset = queryset.filter(**{name: asked[name] for name in EXACT if name in asked})
        if "search" in asked:
            either = Q()
            for name in SEARCHED:
                either |= Q(**{name: asked["search"]})
            queryset = queryset.filter(either)
        return queryset.order_by(ORDERS[asked.get("ordering", "-id")])

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return []  # the schema takes them from the query's class
