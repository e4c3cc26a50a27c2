"""Who may ask what: never open, one permission for each action, and a project's own customers alone."""

from __future__ import annotations

import pytest
from django.urls import get_resolver
from rest_framework.test import APIClient

from django_twocheckout.api.urls import urlpatterns
from django_twocheckout.models import Customer

from ..customers import ADA
from .addresses import LIST, OF_ONE, ROUTES, STATUS, at, name_of

each_route = pytest.mark.parametrize("route", ROUTES, ids=name_of)
each_of_one = pytest.mark.parametrize("route", OF_ONE, ids=name_of)


def ask(api, route, customer, base=LIST):
    return getattr(api, route.method)(route.of(customer, base), route.body, format="json" if route.body else None)


@pytest.fixture
def pushed(pushed, twocheckout):
    twocheckout.requests.clear()
    return pushed


def test_every_address_is_in_the_table():
    actions = {action for pattern in urlpatterns for action in pattern.callback.actions.values()}
    assert len(actions - {"status"}) == len(ROUTES)


@each_route
def test_nobody(route, pushed, twocheckout):
    assert ask(APIClient(), route, pushed).status_code == 403
    assert twocheckout.requests == []


@each_route
def test_a_person_without_permissions(route, pushed, person, twocheckout):
    assert ask(person(), route, pushed).status_code == 403
    assert twocheckout.requests == []


@each_route
def test_a_person_who_may_do_it_but_not_view(route, pushed, person, twocheckout):
    assert ask(person(*route.needs), route, pushed).status_code == 403
    assert twocheckout.requests == []


@each_route
def test_a_person_with_the_permissions(route, pushed, person):
    assert ask(person("view_customer", *route.needs), route, pushed).status_code == route.answer


@pytest.mark.parametrize("route", [route for route in ROUTES if route.needs], ids=name_of)
def test_a_person_with_every_other_permission(route, pushed, person, twocheckout):
    for missing in route.needs:
        others = {need for other in ROUTES for need in other.needs} - {missing}
        assert ask(person("view_customer", *others), route, pushed).status_code == 403
    assert twocheckout.requests == []


@each_of_one
def test_a_customer_outside_the_queryset(route, pushed, api, twocheckout):
    assert ask(api, route, pushed, "/french/").status_code == 404
    assert twocheckout.requests == []
    pushed.refresh_from_db()
    assert pushed.city == ADA["city"]


@each_of_one
def test_a_customer_inside_the_queryset(route, pushed, api):
    pushed.country_code = "FR"
    pushed.save()
    assert ask(api, route, pushed, "/french/").status_code == route.answer


def test_the_list_outside_the_queryset(ada, api):
    assert api.get("/french/").json()["results"] == []
    assert api.get(f"/french/?search={ada.email}").json()["results"] == []
    assert api.get("/french/status/").json()["counts"] == {"pending": 0, "synced": 0, "failed": 0}
    assert api.get("/french/?ordering=email&cursor=after-1").status_code == 404


def test_no_customer_is_made_outside_the_queryset(api, sent):
    answer = api.post("/french/", ADA, format="json")
    assert (answer.status_code, answer.json()) == (
        403,
        {"detail": "This customer would not be among those that you may see."},
    )
    assert not Customer.objects.exists()
    assert sent == []
    assert api.post("/french/", {**ADA, "country_code": "FR"}, format="json").status_code == 201


def test_no_customer_is_moved_outside_the_queryset(api):
    ada = Customer.objects.create(**{**ADA, "country_code": "FR"})
    assert api.patch(at(ada, base="/french/"), {"country_code": "GB"}, format="json").status_code == 403
    ada.refresh_from_db()
    assert ada.country_code == "FR"


def test_status_needs_the_right_to_view(ada, person):
    assert APIClient().get(STATUS).status_code == 403
    assert person("push_customer").get(STATUS).status_code == 403
    assert person("view_customer").get(STATUS).status_code == 200


def test_status_can_be_left_out(ada, api):
    assert api.get("/quiet/").status_code == 200
    assert api.get("/quiet/status/").status_code == 404


class OnlyAda:
    """A backend with permissions of single customers."""

    def authenticate(self, request):
        return None

    def has_perm(self, user, permission, obj=None):
        return obj is not None and obj.first_name == "Ada" and permission.startswith("twocheckout.")


@each_of_one
def test_permissions_of_single_customers(route, pushed, api, settings, twocheckout):
    """The person has the model's permissions, and the project's rule looks at the customer as well."""
    assert ask(api, route, pushed, "/single/").status_code == 403
    assert twocheckout.requests == []


def test_permissions_of_single_customers__of_this_one(pushed, api, settings):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", f"{__name__}.OnlyAda"]
    grace = Customer.objects.create(**{**ADA, "first_name": "Grace"})
    assert api.post(at(pushed, "push", "/single/")).status_code == 200
    assert api.post(at(grace, "push", "/single/")).status_code == 403


def test_a_method_that_is_not_there(ada, person):
    for method, address in [("delete", at(ada)), ("put", at(ada)), ("get", at(ada, "push")), ("delete", LIST)]:
        assert getattr(APIClient(), method)(address).status_code == 403
        assert getattr(person("view_customer"), method)(address).status_code == 405


def test_options(ada, person):
    assert APIClient().options(LIST).status_code == 403
    assert person("change_customer").options(at(ada)).status_code == 403
    answer = person("view_customer").options(LIST)
    assert answer.status_code == 200
    assert "actions" not in answer.json()
    fields = person("view_customer", "add_customer").options(LIST).json()["actions"]["POST"]
    assert "enabled" not in fields
    assert fields["email"]["required"]


def test_off_unless_included(settings):
    settings.ROOT_URLCONF = "tests.urls"
    assert not any("customers" in str(pattern.pattern) for pattern in get_resolver().url_patterns)
    assert APIClient().get(LIST).status_code == 404
