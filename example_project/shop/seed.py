"""Fills the demo with customers in every state that a person may meet, each of them there for a real reason.

They are saved, pushed and pulled like any others, and what 2Checkout refuses it really refuses. Only times are put back
afterwards, and next tries off, so that no worker mends what waits before a person has seen it.
"""

import logging
from contextlib import contextmanager
from datetime import timedelta
from itertools import cycle
from random import Random

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from django_twocheckout import sync
from django_twocheckout.conf import conf
from django_twocheckout.flows import jobs
from django_twocheckout.models import Attempt, AttemptOutcome, Customer, Source, SyncState, Verb

from .models import Account

CUSTOMERS = 240

FIRST_NAMES = """
    Alma Bastian Cora Dario Elin Fabio Gesa Hanno Iris Jonte Kaja Levin Mira Nils Olga Piet Runa Sorin Tilda Ugo Vesna
    Wido Xenia Yaro Zita
""".split()
LAST_NAMES = """
    Abelson Birkmoor Calderan Dornfeld Estrela Falkenby Gravelle Hollenbek Ivarsson Jelinski Korvald Lindqvist Moravec
    Nordhus Ostrander Pellicano Quistgard Rovere Sandvoll Tarnowitz Ulmgren Vantongeren Weissdorn Ysbrand Zellerin
""".split()
#: Country, city, postal code, street.
PLACES = [
    ("DE", "Leipzig", "04109", "Lindenweg"),
    ("RO", "Cluj-Napoca", "400001", "Strada Teiului"),
    ("GB", "Bristol", "BS1 4ND", "Harbour Lane"),
    ("FR", "Nantes", "44000", "rue des Tilleuls"),
    ("NL", "Utrecht", "3511 AA", "Wilgenkade"),
    ("SE", "Uppsala", "753 20", "Björkgatan"),
    ("ES", "Valencia", "46001", "calle del Olmo"),
    ("PL", "Poznań", "60-101", "ulica Klonowa"),
    ("IT", "Trieste", "34121", "via dei Pioppi"),
    ("US", "Madison", "53703", "Maple Street"),
    ("JP", "Sendai", "980-0811", "Keyaki-dori"),
    ("BR", "Curitiba", "80010-000", "rua das Araucárias"),
]
COMPANIES = [
    "Amberline Tools", "Blauhafen Software", "Cinder & Oak", "Deltamoor Optics", "Elmstead Print", "Ferrovia Maps",
    "Glasshouse Audio", "Halcyon Bikes",
]  # fmt: skip
LANGUAGES = {"DE": "de", "FR": "fr", "RO": "ro", "ES": "es", "IT": "it", "PL": "pl", "SE": "sv", "NL": "nl", "JP": "ja"}
#: Who is sown among the others, and what happens to him or her; see the methods of Seed of these names.
STORIES = {
    "Greta Holmqvist": "wrong_fiscal_code",
    "Radu Vlaicu": "wrong_fiscal_code",
    "Pavel Dvorsky": "wrong_fiscal_code",
    "Nora Feldmann": "field_missing",
    "Tomas Aldana": "field_missing",
    "Lena Brandvold": "reference_taken",
    "Oskar Wieland": "gone_over_there",
    "Selma Tiedemann": "gone_unnoticed",
    "Karin Oldenburg": "gone_for_ever",
    "Ivo Marchetti": "gone_and_signed_up_anew",
    "Jonas Ekdahl": "tried_too_often",
    "Sven Aldermoor": "waits_after_503",
    "Paula Rosenau": "waits_after_reset",
    "Marek Zielony": "waits_after_502",
    "Dana Petrescu": "waits_after_500",
    "Emil Sandgren": "never_tried",
    "Ines Carvalhal": "never_tried",
    "Hugo Bellamont": "changed_and_not_tried",
    "Ruth Oakenfell": "changed_and_not_tried",
    "Clara Montagu": "changed_on_both_sides",
    "Sanna Kestrel": "conflict_to_come",
    "Arno Vestergaard": "conflict_to_come",
    "Vera Castellan": "has_cards",
    "Bruno Talvik": "has_cards",
    "Mila Harrow": "has_cards",
    "Theo Lambrecht": "on_trial",
    "Edith Larkin": "not_pulled_for_long",
}
FISCAL_CODE_REFUSED = "RO00000000"


def sow(fake):
    """Fill an empty shop; one that has customers is left as it is."""
    if not Customer.objects.exists():
        with by_ourselves():
            Seed(fake).sow()


def only_there(fake):
    """The references of the customers that 2Checkout has and the shop does not, to be added in the admin."""
    known = set(Customer.objects.values_list("customer_reference", flat=True))
    references = [customer["CustomerReference"] for customer in fake.customers]
    return [reference for reference in references if reference not in known]


@contextmanager
def by_ourselves():
    """Saves wake no worker, no row waits for the rate, and nothing is printed: what is pushed here is pushed here."""
    logger, before = logging.getLogger("twocheckout"), settings.TWOCHECKOUT
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    settings.TWOCHECKOUT = {**before, "PUSH_ON_SAVE": False, "RATE_LIMIT": None}
    try:
        yield
    finally:
        settings.TWOCHECKOUT = before
        logger.setLevel(level)


class Seed:
    def __init__(self, fake):
        self.fake = fake
        self.random = Random(1)
        self.now = timezone.now()
        self.later = self.now + timedelta(hours=12)
        self.user = get_user_model().objects.order_by("pk").values_list("pk", flat=True).first()

    def sow(self):
        self.fake.behaviour.set(refused_fiscal_codes={*self.fake.behaviour.refused_fiscal_codes, FISCAL_CODE_REFUSED})
        self.somebody_only_there()
        customers = self.invented_customers()
        for customer in customers:
            getattr(self, STORIES.get(str(customer), "in_step"))(customer)
        self.job(customers)
        with transaction.atomic():
            self.put_times_back()
            self.last_hour()

    # Who they are.

    def person(self, number, name):
        first, _, last = name.partition(" ")
        country, city, code, street = PLACES[number % len(PLACES)]
        company = COMPANIES[number // 4 % len(COMPANIES)] if number % 4 == 0 else ""
        return {
            "external_customer_reference": f"shop-{number:04}",
            "first_name": first,
            "last_name": last,
            "email": f"{first}.{last}@example.org".lower(),
            "address1": f"{self.random.randint(1, 90)} {street}",
            "zip": code,
            "city": city,
            "country_code": country,
            "language": LANGUAGES.get(country, "en"),
            "phone": f"+{self.random.randint(30, 59)} 555 {self.random.randint(1000, 9999)}",
            "company": company,
        }

    def invented_customers(self):
        """Those with a story are among the newest, with others between them."""
        everybody = [f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES]
        names = [*self.random.sample(everybody, CUSTOMERS - len(STORIES)), *STORIES]
        newest = names[-2 * len(STORIES) :]
        self.random.shuffle(newest)
        names[-len(newest) :] = newest
        persons = [self.person(number, name) for number, name in enumerate(names, start=1)]
        with transaction.atomic():
            customers = [Customer.objects.create(**person) for person in persons]
            Customer.objects.update_unmarked(next_attempt_at=self.later)  # so that nothing is pushed but by its story
            for customer in customers[::2]:
                Account.objects.create(customer=customer, nickname=customer.first_name.lower())
        return customers

    def somebody_only_there(self):
        self.fake.add_customer(
            FirstName="Quentin", LastName="Ashgrove", Email="quentin.ashgrove@example.org", Address1="3 Quarry Road",
            City="Sheffield", Zip="S1 2GU", CountryCode="GB", Language="en",
        )  # fmt: skip

    # What happens to them.

    def in_step(self, customer):
        sync.push(customer, source=Source.SAVE)
        if customer.sync_state != SyncState.SYNCED:
            raise RuntimeError(f"The seed did not come up: {customer.sync_error}")

    def change(self, customer, **values):
        for name, value in values.items():
            setattr(customer, name, value)
        customer.save()
        sync.push(customer, source=Source.SAVE)

    def wrong_fiscal_code(self, customer):
        self.in_step(customer)
        self.change(customer, company="Harthill Instruments", fiscal_code=FISCAL_CODE_REFUSED)

    def field_missing(self, customer):
        self.change(customer, city="", zip="")

    def reference_taken(self, customer):
        self.in_step(customer)
        self.fake.add_customer(ExternalCustomerReference="shop-old-7", FirstName="Lars", LastName="Brandvold")
        self.change(customer, external_customer_reference="shop-old-7")

    def gone_over_there(self, customer):
        self.in_step(customer)
        self.fake.forget(customer.customer_reference)
        self.change(customer, city="Graz")

    def gone_unnoticed(self, customer):
        self.in_step(customer)
        self.fake.forget(customer.customer_reference)

    def gone_for_ever(self, customer):
        self.gone_over_there(customer)

    def gone_and_signed_up_anew(self, customer):
        self.gone_over_there(customer)
        self.fake.add_customer(
            ExternalCustomerReference="ivo-anew", FirstName="Ivo", LastName="Marchetti", Email=customer.email,
            Address1="9 Mill Lane", City="Graz", Zip="8010", CountryCode="AT", Language="de",
        )  # fmt: skip

    def tried_too_often(self, customer):
        self.in_step(customer)
        self.fail(customer, "not-json", failed_attempts=conf.MAX_ATTEMPTS)

    def waits_after_503(self, customer):
        self.in_step(customer)
        self.wait_after("503", customer, failed_attempts=6)

    def waits_after_reset(self, customer):
        self.wait_after("reset", customer, failed_attempts=3)

    def waits_after_502(self, customer):
        self.in_step(customer)
        self.wait_after("html-502", customer, failed_attempts=9)

    def waits_after_500(self, customer):
        self.wait_after("500", customer, failed_attempts=4)

    def wait_after(self, fault, customer, failed_attempts):
        self.fail(customer, fault, failed_attempts)
        later = self.now + timedelta(minutes=20 + 4 * failed_attempts)
        self.put(customer, pending_since=self.ago(minutes=7 * failed_attempts), next_attempt_at=later)

    def fail(self, customer, fault, failed_attempts):
        """The last of so many failed attempts; those before it are only counted."""
        customer.phone = "+44 555 0000"
        customer.save()
        self.put(customer, failed_attempts=failed_attempts - 1)
        with self.fake.outage(fault):
            sync.push(customer, source=Source.RETRY)

    def never_tried(self, customer):
        self.put_off(customer)

    def changed_and_not_tried(self, customer):
        self.in_step(customer)
        customer.address1 = "1 New Street"
        customer.save()
        self.put_off(customer)

    def put_off(self, customer):
        self.put(customer, next_attempt_at=self.later, pending_since=self.ago(minutes=4))

    def changed_on_both_sides(self, customer):
        self.in_step(customer)
        self.fake.edit(customer.customer_reference, Phone="+44 555 7001", City="Bath")
        self.change(customer, phone="+44 555 7002", address1="5 Harbour Lane")

    def conflict_to_come(self, customer):
        """As above, and not compared yet: the page of differences shows it, and lets a person say who is right."""
        self.in_step(customer)
        self.fake.edit(customer.customer_reference, Phone="+44 555 8001", Company="Kites & Co", City="Dover")
        customer.phone, customer.city = "+44 555 8002", "Deal"
        customer.save()
        self.put_off(customer)

    def has_cards(self, customer):
        self.in_step(customer)
        ordered = self.ago(days=40).timestamp()
        subscription = self.fake.add_subscription(customer.customer_reference, purchased=ordered, product="Kite club")
        self.fake.add_card(customer.customer_reference, "Visa", "1111", "12/2029")
        self.fake.add_card(customer.customer_reference, "Mastercard", "4444", "07/2028", subscription)
        self.fake.edit(customer.customer_reference, Enabled=True)
        sync.pull(customer)

    def on_trial(self, customer):
        self.in_step(customer)
        self.fake.edit(
            customer.customer_reference,
            Trial=True,
            Credit={"CreditLimit": "500.00", "CreditRemaining": "420.50", "Currency": "EUR"},
        )
        sync.pull(customer)

    def not_pulled_for_long(self, customer):
        self.in_step(customer)
        sync.pull(customer)
        self.put(customer, pulled_at=self.ago(days=35))

    # A past, so that ages, histories and the chart of the last hour have something to tell.

    def job(self, customers):
        """One that an administrator asked for; the customer who is gone over there is its only failure."""
        asked = [customer for customer in customers if str(customer) not in STORIES][:12]
        asked += [customer for customer in customers if STORIES.get(str(customer)) == "gone_over_there"]
        job = jobs.begin(Verb.PULL, [customer.pk for customer in asked], user=self.user)
        sync.sweep()
        type(job).objects.filter(pk=job.pk).update(asked_at=self.ago(minutes=45), ended_at=self.ago(minutes=44))

    def put_times_back(self):
        # A customer's attempts keep their order: each happened a little later than the one before.
        steps = cycle((3, 1, 2, 5, 8))
        for customer in Customer.objects.order_by("pk"):
            attempts = list(customer.attempts.order_by("pk"))
            ages = sorted((self.random.uniform(2, 58) for _ in attempts), reverse=True)
            for attempt, minutes in zip(attempts, ages, strict=True):
                attempt.at = self.ago(minutes=minutes)
            if attempts and attempts[0].created and attempts[0] is not attempts[-1]:
                attempts[0].at = self.ago(days=next(steps), minutes=self.random.uniform(0, 600))
            Attempt.objects.bulk_update(attempts, ["at"])
            self.agree(customer, attempts)

    def agree(self, customer, attempts):
        """The row's own times say the same as its history."""
        good = [attempt for attempt in attempts if attempt.outcome in (AttemptOutcome.DONE, AttemptOutcome.AGREED)]
        pushed = [attempt.at for attempt in good if attempt.verb == Verb.PUSH]
        times = {"saved_at": attempts[-1].at} if attempts else {}
        if customer.pushed_at and pushed:
            times["pushed_at"] = pushed[-1]
        if customer.pulled_at and customer.pulled_at > self.ago(days=1) and good:
            times["pulled_at"] = good[-1].at
        self.put(customer, **times)

    def last_hour(self):
        """Pushes of small changes, of which some had to be tried twice."""
        quiet = [customer for customer in Customer.objects.order_by("pk") if str(customer) not in STORIES]
        attempts = []
        for _ in range(80):
            customer, minutes = self.random.choice(quiet), self.random.triangular(1, 59, 20)
            if self.random.random() < 0.15:
                attempts.append(
                    self.attempt(
                        customer, minutes + 0.5, AttemptOutcome.RETRY, 503, "SIM_MAINTENANCE", failed_attempts=1
                    )
                )
            attempts.append(
                self.attempt(customer, minutes, AttemptOutcome.DONE, 200, sent=self.random.choice(["Phone", "Zip"]))
            )
            self.put(customer, pushed_at=max(customer.pushed_at, attempts[-1].at))
        Attempt.objects.bulk_create(attempts)

    def attempt(self, customer, minutes, outcome, http_status, code="", **columns):
        return Attempt(
            customer=customer, at=self.ago(minutes=minutes), verb=Verb.PUSH, outcome=outcome, http_status=http_status,
            error_code=code, requests=2, milliseconds=self.random.randint(90, 900), source=Source.SAVE, **columns,
        )  # fmt: skip

    def ago(self, **age):
        return self.now - timedelta(**age)

    def put(self, customer, **columns):
        if columns:
            Customer.objects.filter(pk=customer.pk).update_unmarked(**columns)
            customer.assign(**columns)
