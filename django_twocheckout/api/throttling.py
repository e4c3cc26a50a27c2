"""Throttles by two scopes of the project's ``DEFAULT_THROTTLE_RATES``. A scope without a rate is not throttled."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle

#: Requests that read and write here.
LOCAL = "twocheckout"
#: Requests that ask 2Checkout, and wait for its answer.
LIVE = "twocheckout-live"


class ScopeThrottle(SimpleRateThrottle):
    """Throttles each person by the scope of the action."""

    def __init__(self) -> None:
        """The rate is known once the action is."""

    def allow_request(self, request: Request, view: Any) -> bool:
        self.scope = LIVE if getattr(view, "is_live", False) else LOCAL
        rate = api_settings.DEFAULT_THROTTLE_RATES.get(self.scope)
        self.rate = None if rate is None else str(rate)
        self.num_requests, self.duration = self.parse_rate(self.rate)
        return super().allow_request(request, view)

    def get_cache_key(self, request: Request, view: Any) -> str:
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk or self.get_ident(request)}
