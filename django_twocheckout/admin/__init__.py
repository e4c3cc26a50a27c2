"""The admin's door: the list and form of customers, what can be done to them, and the jobs that came of it."""

from __future__ import annotations

from django.contrib import admin

from ..models import Customer, Job
from .customers import CustomerAdmin
from .jobs import JobAdmin

admin.site.register(Customer, CustomerAdmin)
admin.site.register(Job, JobAdmin)

__all__ = ["CustomerAdmin", "JobAdmin"]
