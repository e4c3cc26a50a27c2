"""The admin's door: the list and form of customers, what can be done to them, and the page that deletes cards."""

from __future__ import annotations

from django.contrib import admin

from ..models import Customer
from .customers import CustomerAdmin

admin.site.register(Customer, CustomerAdmin)

__all__ = ["CustomerAdmin"]
