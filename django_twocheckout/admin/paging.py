"""Pages of the customers' list that never count a million rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator

#: Counting stops here; what lies behind is found by search and filters.
MOST = 10_000


class CappedPaginator(AnyPaginator):
    """A paginator that knows of so many rows at the most."""

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        # The order would make the database sort what it only has to count.
        return int(rows.order_by()[: MOST + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST)

    @property
    def capped(self) -> bool:
        """Whether there are more rows than it tells of."""
        return self._counted > MOST
