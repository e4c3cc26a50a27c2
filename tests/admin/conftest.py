from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User

from django_twocheckout.admin import CustomerAdmin
from django_twocheckout.models import Customer

from ..customers import ADA
from ..two_accounts import second_account


@pytest.fixture
def permitted(client, db):
    """Logs in a person with these permissions and no others."""
    user = User.objects.create_user("support", is_staff=True)

    def allow(*codenames):
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return allow


@pytest.fixture
def support(permitted):
    """Logs in a person who may see customers, and what the test allows, each time more."""
    granted = {"view_customer"}

    def allow(*codenames):
        granted.update(codenames)
        return permitted(*granted)

    return allow


@pytest.fixture
def many(db):
    """More customers than the admin pushes within one request."""
    rows = [Customer(**{**ADA, "last_name": f"Row {n}"}) for n in range(CustomerAdmin.in_request + 2)]
    Customer.objects.bulk_create(rows)
    return list(Customer.objects.order_by("pk"))


@pytest.fixture
def us(twocheckout, configure):
    with second_account(configure) as vendor:
        yield vendor


@pytest.fixture
def ours(db, us):
    """A customer of each account."""
    return {account: Customer.objects.create(**ADA, account=account) for account in ("default", "us")}


@pytest.fixture
def lost(db, twocheckout):
    """A customer of an account that the settings do not have."""
    return Customer.objects.create(**ADA, account="later")
