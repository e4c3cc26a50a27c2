"""What a project registers with these packages."""

from __future__ import annotations

import reversion
import simple_history
from auditlog.registry import auditlog

from django_twocheckout.models import Customer

reversion.register(Customer)
simple_history.register(Customer, app="tests.compat")
auditlog.register(Customer, exclude_fields=sorted(Customer.ENGINE_FIELDS))
