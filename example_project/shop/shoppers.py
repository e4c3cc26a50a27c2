"""Customers whom 2Checkout had before there was this shop, with their subscriptions, and how they are taken over."""

import time
from dataclasses import dataclass
from random import Random

from django.core.management import call_command

from django_twocheckout.flows.pull import asked_pulls
from django_twocheckout.models import Customer, Source

from . import vendor
from .seed import FIRST_NAMES, LAST_NAMES, PLACES

#: How many there are in the demo that serves.
SHOPPERS = 3000
DAY = 86400


def arrive(fake, number):
    """So many of them buy at 2Checkout. A shop's plugin gave some their e-mail as external reference."""
    chance, references = Random(2), []
    for count in range(number):
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        country, city, code, street = chance.choice(PLACES)
        email = f"{first}.{last}.{count}@shopper.example".lower()
        reference = fake.add_customer(
            FirstName=first, LastName=last, Email=email, Address1=f"{chance.randint(1, 90)} {street}", City=city,
            Zip=code, CountryCode=country, Language="en", ExternalCustomerReference=email if count % 3 else None,
        )  # fmt: skip
        fake.add_subscription(reference, purchased=time.time() - chance.randint(1, 1500) * DAY)
        references.append(reference)
    vendor.shoppers = references
    return references


@dataclass(frozen=True)
class Progress:
    """How many of them there are, how many have a row here, and how many of these wait for their first re-fetch."""

    there: int
    here: int
    waiting: int

    @property
    def fetched(self):
        return self.here - self.waiting


def take_over():
    """Find them, and insert their rows; the worker begins at once to fetch each."""
    call_command("twocheckout_import", "--no-pull", verbosity=0)


def progress():
    known = set(Customer.objects.values_list("customer_reference", flat=True))
    waiting = asked_pulls(Source.COMMAND, Customer.objects.all()).count()
    return Progress(len(vendor.shoppers), len(known.intersection(vendor.shoppers)), waiting)
