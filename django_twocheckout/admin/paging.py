"""Counts rows for the customers' list and its badges, without counting a million."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator

#: Counting stops here. Search and filters find the other rows.
MOST = 10_000


def count_up_to(most: int, rows: QuerySet[Any]) -> int:
    """The number of rows, or *most* + 1 for more."""
    # An order would make the database sort the rows for a count.
    return rows.order_by()[: most + 1].count()


class CappedPaginator(AnyPaginator):
    """A paginator of at most :data:`MOST` rows."""

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return count_up_to(MOST, rows)

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST)

    @property
    def capped(self) -> bool:
        """Whether there are more rows than it counts."""
        return self._counted > MOST
