"""The admin's door to the flows: the list and form of customers, their actions and pages, and the jobs."""

from __future__ import annotations

from django.contrib import admin

from ..models import Customer, Job
from .customer import CustomerAdmin
from .job import JobAdmin
from .links import CustomerStateMixin

admin.site.register(Customer, CustomerAdmin)
admin.site.register(Job, JobAdmin)

__all__ = ["CustomerAdmin", "CustomerStateMixin", "JobAdmin"]
