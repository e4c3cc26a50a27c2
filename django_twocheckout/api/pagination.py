"""Pages the list by the last row's place, not by counting rows: page 1,000 costs what page 1 costs.

The cursor names a row by its key alone. The values of its columns stay out of the address, and out of access logs.
"""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from ..models import Customer
from ..redaction import redacted_repr
from .strict import Text

#: Rows of a page without the parameter, and the most with it.
PAGE_SIZE, MOST_ROWS = 50, 200

_CURSOR = re.compile(r"(after|before)-(.{1,64})")


class PageQuery(serializers.Serializer[Any]):
    """The query parameters of a page."""

    cursor = Text(
        required=False, max_length=80, help_text=gettext_lazy("Taken from “next” or “previous” of an answer.")
    )
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=MOST_ROWS)

    __repr__ = redacted_repr


class KeysetPagination(BasePagination):
    """Follows the queryset's first ordering, and the key among equals."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        query = PageQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        asked: dict[str, Any] = query.validated_data
        size = asked.get("page_size", PAGE_SIZE)
        way, key = self._place(asked.get("cursor"), queryset)
        backwards = way == "before"
        order = str(next(iter(queryset.query.order_by), "-pk"))
        column, descending = order.removeprefix("-"), order.startswith("-") != backwards
        if key is not None:
            queryset = _beyond(queryset, view.get_queryset(), column, key, descending=descending)
        sign = "-" if descending else ""
        rows = list(queryset.order_by(*dict.fromkeys([sign + column, f"{sign}pk"]))[: size + 1])
        more, page = len(rows) > size, rows[:size]
        if backwards:
            page.reverse()
        self.next = self.previous = None
        if page:
            # A cursor was taken from a page on its other side.
            if backwards or more:
                self.next = _address(request, f"after-{page[-1].pk}")
            if key is not None and (more or not backwards):
                self.previous = _address(request, f"before-{page[0].pk}")
        return page

    @staticmethod
    def _place(cursor: str | None, queryset: QuerySet[Customer]) -> tuple[str, Any]:
        """The way and the key in a cursor. No key without a cursor."""
        if cursor is None:
            return "after", None
        if match := _CURSOR.fullmatch(cursor):
            try:
                return match[1], queryset.model._meta.pk.to_python(match[2])
            except ModelValidationError:
                pass
        raise _start_again()

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next, "previous": self.previous, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "nullable": True, "format": "uri"}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return []  # the schema takes them from the filter's query


def _beyond(
    queryset: QuerySet[Customer], every: QuerySet[Customer], column: str, key: Any, *, descending: bool
) -> QuerySet[Customer]:
    """The rows beyond the one with this key. *every*: the rows that the person may see, filtered or not."""
    compared = "lt" if descending else "gt"
    if column == "pk":
        return queryset.filter(**{f"pk__{compared}": key})
    value = every.filter(pk=key).values_list(column, flat=True).first()
    if value is None:
        raise _start_again()
    # The first condition is for the index, the second one for those with the same value.
    return queryset.filter(**{f"{column}__{compared}e": value}).filter(
        Q(**{f"{column}__{compared}": value}) | Q(**{f"pk__{compared}": key})
    )


def _start_again() -> NotFound:
    return NotFound(_("There is no such place in the list any more. Start again without the cursor."))


def _address(request: Request, cursor: str) -> str:
    address: str = replace_query_param(request.build_absolute_uri(), "cursor", cursor)
    return address
