"""The admin's door to the flows: customers with their actions and pages, jobs, and erasures."""

from __future__ import annotations

from django.contrib import admin

from ..models import Customer, Erasure, Job
from .customer import CustomerAdmin
from .erasure import ErasureAdmin
from .job import JobAdmin
from .links import CustomerStateMixin

admin.site.register(Customer, CustomerAdmin)
admin.site.register(Job, JobAdmin)
admin.site.register(Erasure, ErasureAdmin)

__all__ = ["CustomerAdmin", "CustomerStateMixin", "ErasureAdmin", "JobAdmin"]
