"""Counts for the customers' list, which never count a million rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator

#: Counting stops here; what lies behind is found by search and filters.
MOST = 10_000


def count_up_to(most: int, rows: QuerySet[Any]) -> int:
    """How many rows there are; one more than *most* if there are more."""
    # The order would make the database sort what it only has to count.
    return rows.order_by()[: most + 1].count()


class CappedPaginator(AnyPaginator):
    """A paginator that knows of so many rows at the most."""

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return count_up_to(MOST, rows)

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST)

    @property
    def capped(self) -> bool:
        """Whether there are more rows than it tells of."""
        return self._counted > MOST
