"""2Checkout shows texts otherwise than they were sent, or shows for a while what they were before."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_twocheckout import sync
from django_twocheckout.engine.batch import run_one
from django_twocheckout.engine.clients import current_client
from django_twocheckout.merge import normalise
from django_twocheckout.models import Attempt, Customer, Verb
from django_twocheckout.wire import ATTRIBUTES

from ..clock import replicas_catch_up
from ..customers import ADA, change, claim_of
from ..lossy import lossy_echoes
from ..vendor_log import put_bodies

COMPANY = "O'Hara & Sons"
ECHOED = ["first_name", "company", "address2", "city", "phone"]


@pytest.fixture
def vendor(twocheckout):
    """The fake vendor, made anew for each example of Hypothesis by calling it."""

    def anew(**switches):
        twocheckout.heal()
        twocheckout.behaviour.set(echo=None, replica_delay=0, put="replace")
        twocheckout.behaviour.set(**switches)
        for customer in twocheckout.customers:
            twocheckout.forget(customer["CustomerReference"])
        twocheckout.requests.clear()
        Customer.objects.all().delete()
        return twocheckout

    return anew


def there(vendor, customer):
    """The texts that the vendor has, by attribute."""
    theirs = vendor.customer(customer.customer_reference)
    return {attribute: normalise(name, theirs[name]) for name, attribute in ATTRIBUTES.items()}


def here(customer):
    row = Customer.objects.get(pk=customer.pk)
    return {attribute: getattr(row, attribute) for attribute in ATTRIBUTES.values()}


words = st.text(st.sampled_from("aBé '&<  0"), min_size=1, max_size=30).map(lambda text: f"x{text}y")
saves = st.lists(
    st.tuples(st.sampled_from(ECHOED), words, st.sampled_from(["push", "pull and push", "push later"])), max_size=6
)


@hypothesis_settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(echo=lossy_echoes(), saves=saves, put=st.sampled_from(["replace", "merge"]))
def test_saves_change_no_value_of_ours(db, vendor, echo, saves, put):
    """Whatever the echo makes of a text, each save is there after its push, and all else stays on both sides."""
    twocheckout = vendor(echo=echo, put=put)
    customer = sync.push(Customer.objects.create(**ADA, company=COMPANY))
    for name, value, how in saves:
        if how == "pull and push":
            sync.pull(customer)
        elif how == "push later":
            replicas_catch_up()
        before = here(customer)
        change(customer, **{name: value})
        sync.push(customer)
        assert (customer.sync_state, here(customer)) == ("synced", {**before, name: value})
        assert there(twocheckout, customer) == here(customer)
    twocheckout.requests.clear()
    for _ in range(2):
        before = here(customer)
        sync.push(sync.pull(customer))
        assert (here(customer), customer.sync_state, put_bodies(twocheckout)) == (before, "synced", [])


@hypothesis_settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(echo=lossy_echoes(), name=st.sampled_from(ECHOED), value=words, pushes=st.booleans())
def test_an_edit_there_is_adopted__and_does_not_grow(db, vendor, echo, name, value, pushes):
    twocheckout = vendor(echo=echo)
    customer = sync.push(Customer.objects.create(**ADA, company=COMPANY))
    sync.pull(customer)
    wire = next(wire for wire, attribute in ATTRIBUTES.items() if attribute == name)
    edited = f"z{value}"
    twocheckout.edit(customer.customer_reference, **{wire: edited})
    image = echo(wire, edited)
    if pushes:
        change(customer, fax="1")
        sync.push(customer)
    else:
        sync.pull(customer)
    assert here(customer)[name] == image
    for number in range(3):
        change(customer, fax=f"2{number}")
        replicas_catch_up()
        sync.push(customer)
        assert here(customer)[name] == image
        assert there(twocheckout, customer)[name] == image


@pytest.mark.parametrize("echo", ["html", "upper", "lower", "cut:5"])
def test_push__an_echo_goes_back_as_ours(pushed, twocheckout, echo):
    twocheckout.behaviour.echo = echo
    change(pushed, company=COMPANY)
    sync.push(pushed)
    for number in range(6):
        change(pushed, fax=str(number))
        sync.push(pushed)
    assert {body["Company"] for body in put_bodies(twocheckout)} == {COMPANY}
    assert (pushed.company, twocheckout.customers[0]["Company"]) == (COMPANY, COMPANY)
    assert twocheckout.customers[0]["FirstName"] == "Ada"
    assert pushed.shown["company"] != COMPANY


def test_pull__recased_before_and_after_an_image_was_seen(pushed, twocheckout):
    change(pushed, last_name="McDONALD")
    sync.push(pushed)
    twocheckout.edit(pushed.customer_reference, LastName="McDonald")
    assert sync.pull(pushed).last_name == "McDONALD"
    assert pushed.shown == {"last_name": "McDonald"}
    twocheckout.edit(pushed.customer_reference, LastName="MCDONALD")
    assert sync.pull(pushed).last_name == "MCDONALD"
    assert pushed.shown == {}
    twocheckout.edit(pushed.customer_reference, LastName="McDonald")
    assert sync.pull(pushed).last_name == "McDonald"


def test_pull__recased_after_it_was_shown_as_sent(pushed, twocheckout):
    change(pushed, last_name="McDONALD")
    sync.push(pushed)
    sync.pull(pushed)
    twocheckout.edit(pushed.customer_reference, LastName="McDonald")
    assert sync.pull(pushed).last_name == "McDonald"


def test_push__a_new_value_has_no_image(pushed, twocheckout):
    twocheckout.behaviour.echo = "html"
    change(pushed, company=COMPANY)
    sync.pull(sync.push(pushed))
    assert pushed.shown == {"company": "O&#x27;Hara &amp; Sons"}
    change(pushed, company="Engines")
    sync.push(pushed)
    assert pushed.shown == {}


def test_push__an_echo_of_what_is_in_doubt_is_ours(pushed, twocheckout):
    twocheckout.behaviour.echo = "html"
    change(pushed, company=COMPANY)
    twocheckout.fail("reset-after-commit", method="PUT")
    sync.push(pushed)
    assert len(pushed.in_doubt) == 1
    sync.push(pushed)
    assert (pushed.company, pushed.sync_state, pushed.in_doubt) == (COMPANY, "synced", [])
    assert len(put_bodies(twocheckout)) == 1
    assert twocheckout.customers[0]["Company"] == COMPANY


def test_push__an_echo_too_long_to_be_stored_goes_back_as_ours(pushed, twocheckout):
    company = "&" * 200
    twocheckout.behaviour.echo = "html"
    for fax in ("1", "2"):
        change(pushed, company=company, fax=fax)
        sync.push(pushed)
    assert (pushed.company, twocheckout.customers[0]["Company"], pushed.sync_state) == (company, company, "synced")


def test_add__what_was_adopted_grows_no_further(db, twocheckout):
    twocheckout.behaviour.echo = "html"
    reference = twocheckout.add_customer(
        ExternalCustomerReference="shop-1", FirstName="Ann", LastName="O'Hara", Email="ann@example.org",
        Address1="1 Main St", City="Cork", Zip="T12", CountryCode="IE",
    )  # fmt: skip
    customer = sync.add(reference)
    shown = customer.last_name
    for number in range(4):
        change(customer, fax=str(number))
        replicas_catch_up()
        sync.push(customer)
        assert (customer.sync_state, customer.last_name) == ("synced", shown)
        assert twocheckout.customers[0]["LastName"] == shown


def test_in_flight__a_row_that_keeps_its_value_keeps_its_image(pushed, twocheckout):
    twocheckout.behaviour.echo = "html"
    change(pushed, company=COMPANY)
    sync.pull(sync.push(pushed))
    image = dict(pushed.shown)
    twocheckout.edit(pushed.customer_reference, Company="Engines")
    claim = claim_of(pushed, Verb.PULL)
    Customer.objects.filter(pk=pushed.pk).update(fax="9")
    run_one(claim, current_client("default"))
    pushed.refresh_from_db()
    assert (pushed.company, pushed.shown, pushed.acknowledged["company"]) == (COMPANY, image, COMPANY)


# A read replica behind the writes.


@pytest.mark.parametrize("echo", [None, "html", "upper"])
@pytest.mark.parametrize("cities", [["Paris", "Rome"], ["Paris", "Rome", "Oslo"], ["Paris", "London"]])
def test_push__edits_within_the_delay_of_a_replica_live(pushed, twocheckout, cities, echo):
    twocheckout.behaviour.echo = echo
    time.sleep(0.3)  # the customer as created is what the replica shows
    twocheckout.behaviour.replica_delay = 0.3
    for number, city in enumerate(cities):
        change(pushed, city=city, phone=f"5{number}")
        sync.push(pushed)
        change(pushed, company=f"O'Hara {number}")
        sync.push(pushed)
        assert (pushed.city, twocheckout.customers[0]["City"], pushed.sync_state) == (city, city, "synced")
    sync.pull(pushed)
    time.sleep(0.4)
    sync.push(sync.pull(pushed))
    theirs = twocheckout.customers[0]
    last = len(cities) - 1
    assert (pushed.city, pushed.phone, pushed.company) == (cities[-1], f"5{last}", f"O'Hara {last}")
    assert (theirs["City"], theirs["Phone"], theirs["Company"]) == (cities[-1], f"5{last}", f"O'Hara {last}")


@pytest.mark.parametrize("read", ["pull", "push"])
def test_what_was_overwritten_is_believed_after_a_minute(pushed, twocheckout, read):
    change(pushed, city="Paris")
    sync.push(pushed)
    twocheckout.edit(pushed.customer_reference, City="London")  # a colleague puts it back
    assert sync.pull(pushed).city == "Paris"
    replicas_catch_up()
    if read == "push":
        change(pushed, fax="1")
        sync.push(pushed)
    else:
        sync.pull(pushed)
    assert (pushed.city, twocheckout.customers[0]["City"], pushed.sync_state) == ("London", "London", "synced")


def test_an_edit_within_the_minute_that_is_new_is_adopted_at_once(pushed, twocheckout):
    change(pushed, city="Paris")
    sync.push(pushed)
    twocheckout.edit(pushed.customer_reference, City="Bath")
    assert sync.pull(pushed).city == "Bath"


def test_an_edit_in_flight_has_its_minute_too(pushed, twocheckout):
    """A row saved during its push is not decided upon, but what was written is a fact."""
    change(pushed, city="Paris")
    claim = claim_of(pushed)
    Customer.objects.filter(pk=pushed.pk).update(fax="9")
    run_one(claim, current_client("default"))
    twocheckout.edit(pushed.customer_reference, City="London")
    assert sync.pull(pushed).city == "Paris"


# What cannot be read.


def test_unreadable_fields_are_named_in_the_history(pushed, twocheckout):
    def too_long(name, text):
        return "x" * 300 if name == "Company" else text

    twocheckout.edit(pushed.customer_reference, Company="Engines", Language="x" * 300, Credit={"Limit": "1,234.50"})
    twocheckout.behaviour.echo = too_long
    sync.pull(pushed)
    assert Attempt.objects.latest("pk").unreadable == "Company Credit Language"
    assert (pushed.company, pushed.language, pushed.credit_limit) == ("", "en", None)
    twocheckout.edit(pushed.customer_reference, Credit={"Limit": 5})
    change(pushed, city="Paris")
    sync.push(pushed)
    assert Attempt.objects.latest("pk").unreadable == "Company Language"
    assert (pushed.language, pushed.city, pushed.sync_state) == ("en", "Paris", "synced")


# What a person sees.


def test_compare__says_how_a_value_is_shown(pushed, twocheckout):
    change(pushed, company=COMPANY)
    sync.push(pushed)
    twocheckout.behaviour.echo = "html"
    found = {difference.attribute: difference for difference in sync.compare(pushed)}
    assert (found["company"].theirs, found["company"].shown) == (COMPANY, "O&#x27;Hara &amp; Sons")
    assert (found["company"].changed, found["city"].shown) == ("", None)


# What it costs.


def test_a_row_without_images_writes_none(pushed, twocheckout, django_assert_num_queries, db):
    sync.pull(pushed)
    assert (pushed.shown, pushed.written) == ({}, {})
    change(pushed, city="Paris")
    sync.push(pushed)
    assert (pushed.shown, list(pushed.written)) == ({}, ["city"])
    replicas_catch_up()
    sync.pull(pushed)
    assert (pushed.shown, pushed.written) == ({}, {})
