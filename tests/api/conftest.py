from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient


@pytest.fixture(autouse=True)
def _addresses(settings):
    settings.ROOT_URLCONF = "tests.api.urls"


@pytest.fixture
def person(db):
    """Logs in a person with these permissions and no others."""
    user = User.objects.create_user("front end")

    def allow(*codenames):
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        api = APIClient()
        api.force_login(user)
        return api

    return allow


@pytest.fixture
def api(person):
    """A person with every right that the API knows."""
    return person("view_customer", "add_customer", "change_customer", "push_customer", "pull_customer", "delete_card")
