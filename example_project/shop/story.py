"""``manage.py demo --headless``: the main job from end to end, told step by step with what each side has.

Nothing here talks to 2Checkout, nor saves a customer: the shop's accounts are saved, pages and admin buttons are used,
and the rest happens by itself.
"""

import logging
import re
import time
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS
from django.test import Client
from django.urls import reverse

from django_twocheckout.models import Customer, Erasure

from . import shoppers
from .models import Account

PATIENCE = 45.0
#: How many customers 2Checkout had before, and what RATE_LIMIT may make of them.
SHOPPERS = 1000
RATE = 20

SIGN_UP = {
    "nickname": "countess",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.org",
    "address1": "12 St James's Square",
    "zip": "SW1Y 4JH",
    "city": "London",
    "country_code": "GB",
}
COMPARED = {
    "first_name": "FirstName",
    "last_name": "LastName",
    "email": "Email",
    "address1": "Address1",
    "zip": "Zip",
    "city": "City",
    "phone": "Phone",
    "company": "Company",
    "fiscal_code": "FiscalCode",
    "external_customer_reference": "ExternalCustomerReference",
    "customer_reference": "CustomerReference",
}


@contextmanager
def without_rate_limit():
    """Nobody wants to watch for a minute."""
    before = settings.TWOCHECKOUT
    settings.TWOCHECKOUT = {**before, "RATE_LIMIT": None}
    try:
        yield
    finally:
        settings.TWOCHECKOUT = before


class Story:
    def __init__(self, fake, say):
        self.fake, self.say = fake, say
        self.right = True
        self.step_number = 0
        self.shop, self.admin = Client(), Client()
        for name in ("twocheckout", "django.request"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong here is told by the story
        self.admin.force_login(get_user_model().objects.get(username="admin"))

    def tell(self):
        ada = self.sign_up()
        self.change(ada)
        self.save_unchanged(ada)
        self.edit_over_there(ada)
        self.refetch(ada)
        self.refusal(ada)
        self.outage(ada)
        self.unclear_create()
        self.buy_before_the_push()
        self.cards(ada)
        self.subscriptions(ada)
        self.take_over()
        self.notification(ada)
        self.erasure()
        self.say(f"\n2Checkout was asked {len(self.fake.requests)} times and has {len(self.fake.customers)} customers.")
        return self.right

    # The chapters.

    def sign_up(self):
        self.step("Ada signs up in the shop; her account is saved, and she appears at 2Checkout as a customer.")
        self.shop.post(reverse("shop:sign-up"), SIGN_UP)
        ada = Customer.objects.get(email=SIGN_UP["email"])
        self.until(ada, "synced")
        self.show(ada, "first_name", "last_name", "city", "customer_reference", "external_customer_reference")
        self.check("2Checkout has one customer", len(self.fake.customers) == 1)
        self.same(ada)
        return ada

    def change(self, ada):
        self.step("She moves to Paris: her account is changed and saved.")
        self.save(ada, city="Paris", zip="75001", country_code="FR")
        self.until(ada, "synced")
        self.show(ada, "city", "zip")
        self.same(ada)

    def save_unchanged(self, ada):
        self.step("The account is saved again with nothing changed: 2Checkout is not bothered.")
        before = len(self.fake.requests)
        self.save(ada)
        time.sleep(1)
        self.check("no request was made", len(self.fake.requests) == before)

    def edit_over_there(self, ada):
        self.step("A colleague adds a phone number at 2Checkout; meanwhile the shop changes the street. Both live.")
        self.fake.edit(ada.customer_reference, Phone="+33 1 55 55 01 00")
        self.save(ada, address1="1 rue de Rivoli")
        self.until(ada, "synced")
        self.show(ada, "address1", "phone")
        self.check("the colleague's phone number is here too", ada.phone == "+33 1 55 55 01 00")
        self.same(ada)

    def refetch(self, ada):
        self.step(
            "Another edit over there is brought here with the admin's “Re-fetch from 2Checkout”, and causes no push."
        )
        self.fake.edit(ada.customer_reference, LastName="King")
        puts = self.count("PUT")
        self.press("twocheckout_customer_refetch", ada)
        self.show(ada, "last_name")
        self.check("the new name is here", ada.last_name == "King")
        time.sleep(1)
        self.check("nothing was pushed", self.count("PUT") == puts)
        self.same(ada)

    def refusal(self, ada):
        self.step("A wrong VAT ID is saved: 2Checkout refuses it, the row says why, and nobody tries in vain.")
        self.save(ada, company="Analytical Engines", fiscal_code="INVALID")
        self.until(ada, "failed")
        self.say(f"    the row says: {ada.sync_error}")
        self.check("the reason is in 2Checkout's words", "not a valid VAT ID" in ada.sync_error)
        puts = self.count("PUT")
        time.sleep(1)
        self.check("it was not tried again", self.count("PUT") == puts)
        self.say("    The VAT ID is put right and saved.")
        self.save(ada, fiscal_code="FR40303265045")
        self.until(ada, "synced")
        self.show(ada, "company", "fiscal_code")
        self.same(ada)

    def outage(self, ada):
        self.step("2Checkout is down while an account is saved: the save goes on, the row waits, and heals by itself.")
        with self.fake.outage("503"):
            self.save(ada, city="Lyon")
            self.until(ada, "pending", tried=True)
            self.say(f"    the row says: {ada.sync_error} Next try at {ada.next_attempt_at:%H:%M:%S}.")
            self.check("the row is pending with a reason and a time", bool(ada.sync_error) and ada.failed_attempts > 0)
        self.say("    2Checkout is back.")
        self.until(ada, "synced")
        self.show(ada, "city")
        self.same(ada)

    def unclear_create(self):
        self.step("Charles signs up, but the connection breaks after 2Checkout created him: he must not exist twice.")
        self.fake.fail("reset-after-commit", method="POST")
        answers = {
            **SIGN_UP,
            "nickname": "charles",
            "first_name": "Charles",
            "last_name": "Babbage",
            "email": "cb@example.org",
        }
        self.shop.post(reverse("shop:sign-up"), answers)
        charles = Customer.objects.get(email="cb@example.org")
        self.until(charles, "pending", "synced", tried=True)
        self.say(f"    the row says: {charles.sync_error or 'nothing, it is healed already'}")
        self.until(charles, "synced")
        self.show(charles, "first_name", "customer_reference")
        twins = [customer for customer in self.fake.customers if customer["FirstName"] == "Charles"]
        self.check("2Checkout has one Charles", len(twins) == 1)
        self.same(charles)

    def buy_before_the_push(self):
        self.step(
            "Dora signs up while 2Checkout's API is down, and buys at once: the purchase must make no second Dora."
        )
        answers = {**SIGN_UP, "nickname": "dora", "first_name": "Dora", "last_name": "Lind", "email": "dl@example.org"}
        with self.fake.outage("503"):
            self.shop.post(reverse("shop:sign-up"), answers)
            dora = Customer.objects.get(email="dl@example.org")
            page = self.shop.post(reverse("shop:buy", args=[dora.shop_account.pk])).content.decode()
            parameters = dict(re.findall(r"<tr><th>([\w-]+)</th><td>([^<]+)</td></tr>", page))
            self.say(f"    the buy link carries {parameters}")
            self.fake.add_customer(ExternalCustomerReference=parameters["customer-ext-ref"], FirstName="Dora")
            self.say("    She has paid, so 2Checkout has a customer with our reference. Its API is back.")
        self.until(dora, "synced")
        self.show(dora, "first_name", "last_name", "customer_reference")
        twins = [customer for customer in self.fake.customers if customer["FirstName"] == "Dora"]
        self.check("2Checkout has one Dora", len(twins) == 1)
        self.same(dora)

    def subscriptions(self, ada):
        self.step("The shop shows what Ada has bought, as 2Checkout has it now.")
        page = self.shop.get(reverse("shop:at-2checkout", args=[ada.shop_account.pk])).content.decode()
        shown = re.findall(r"<li>(SUB[^<]+)</li>", page)
        self.say(f"    {'; '.join(shown) or 'nothing'}")
        self.check("it is her one subscription", len(shown) == 1 and "Monthly plan, enabled, renews on" in shown[0])

    def cards(self, ada):
        self.step(
            "Two cards are on file at 2Checkout. One is deleted in the admin; the other pays a subscription, and stays."
        )
        self.fake.add_card(ada.customer_reference, "Visa", "1111")
        plan = self.fake.add_subscription(ada.customer_reference, purchased=time.time() - 600)
        self.fake.add_card(ada.customer_reference, "Mastercard", "4444", subscription=plan)
        for name, digits in (("Visa", "1111"), ("Mastercard", "4444")):
            said = self.delete_card(ada, digits)
            self.say(f"    {name}: the admin says: {said}")
        ada.refresh_from_db()
        here = [f"{card['type']} {card['last_digits']}" for card in ada.existing_cards]
        self.say(f"    Django has {here}; 2Checkout has {self.fake.cards(ada.customer_reference)}")
        self.check(
            "the Visa is gone on both sides", here == self.fake.cards(ada.customer_reference) == ["Mastercard 4444"]
        )
        self.check("the refusal says what the subscription is", f"{plan}: Monthly plan, enabled" in said)

    def take_over(self):
        self.step(
            f"2Checkout has {SHOPPERS} older customers with subscriptions. They are imported, and nothing is sent."
        )
        references = shoppers.arrive(self.fake, SHOPPERS)
        before, began = len(self.fake.requests), time.monotonic()
        with without_rate_limit():
            shoppers.take_over()
            searches = sum("/subscriptions/" in request.path for request in self.fake.requests[before:])
            self.say(f"    {shoppers.progress().here} rows by {searches} pages of subscriptions")
            self.until_fetched(began)
        took, requests = time.monotonic() - began, self.fake.requests[before:]
        self.say(f"    {SHOPPERS} customers in {took:.1f} s by {len(requests)} requests")
        rows = {row.customer_reference: row for row in Customer.objects.filter(customer_reference__in=references)}
        theirs = {customer["CustomerReference"]: customer for customer in self.fake.customers}
        shown = rows[references[1]]
        self.show(shown, "first_name", "last_name", "email", "customer_reference", "external_customer_reference")
        self.check(
            "each has one row, with 2Checkout's values",
            Customer.objects.count() == len(theirs)
            and all((rows[one].email, rows[one].city) == (theirs[one]["Email"], theirs[one]["City"]) for one in rows)
            and len(rows) == SHOPPERS,
        )
        self.check("2Checkout was only read", {request.method for request in requests} == {"GET"})

    def until_fetched(self, began):
        """Tell how far the worker is, each second."""
        while (progress := shoppers.progress()).waiting:
            if time.monotonic() > began + PATIENCE + SHOPPERS / RATE:
                return self.check(f"all are fetched (it is {progress.fetched})", False)
            self.say(f"    {progress.fetched} of {progress.there} fetched")
            time.sleep(1)
        return None

    def notification(self, ada):
        self.step("She moves once more, at 2Checkout. A signed notification tells us, and the row follows by itself.")
        self.fake.project_client = Client()
        self.fake.project_path = lambda kind, account: reverse(f"twocheckout:{kind}")
        self.fake.edit(ada.customer_reference, City="Nice", Zip="06000")
        forged = self.fake.notify("LCN", ada, wrong_signature=True)
        self.check("a forged one is answered 400", forged.status == 400)
        puts = self.count("PUT")
        sent = self.fake.notify("LCN", ada)
        self.say(f"    2Checkout got: {sent.answer}")
        self.check("2Checkout has its receipt", sent.received)
        self.until_it_is(ada, "city", "Nice")
        self.show(ada, "city", "zip")
        self.check("nothing was pushed", self.count("PUT") == puts)
        self.same(ada)

    def save(self, customer, **values):
        """As the shop does, which knows accounts alone."""
        account = Account.objects.get(customer=customer)
        for name, value in values.items():
            setattr(account, name, value)
        account.save()

    def erasure(self):
        self.step("Charles wants to be forgotten. The admin erases him, and no save of his account brings him back.")
        charles = Customer.objects.get(email="cb@example.org")
        account, reference = Account.objects.get(customer=charles), charles.customer_reference
        self.admin.post(f"{reverse('admin:twocheckout_customer_erase')}?customer={charles.pk}", {"confirmed": "yes"})
        end = time.monotonic() + PATIENCE
        while Erasure.objects.under_way(DEFAULT_DB_ALIAS).exists() and time.monotonic() < end:
            time.sleep(0.05)
        erasure = Erasure.objects.get()
        self.say(f"    the admin says: {erasure.words}")
        account.save()
        charles.refresh_from_db()
        theirs = self.fake.customer(reference)
        self.say(f"    Django has {charles.first_name!r}; 2Checkout has {theirs['FirstName']!r}, {theirs['Email']}")
        self.check(
            "nothing of him is left on either side",
            (erasure.state, charles.first_name, charles.email) == ("erased", "", "")
            and "Charles" not in str(theirs)
            and "cb@example.org" not in str(theirs),
        )

    # How it is told.

    def step(self, text):
        self.step_number += 1
        self.say(f"\n{self.step_number}. {text}")

    def check(self, what, holds):
        self.right = self.right and holds
        self.say(f"    {'✓' if holds else '✗ NOT TRUE:'} {what}")

    def until(self, customer, *states, tried=False):
        """Wait until the row is in one of these states, and was tried if that is asked."""
        end = time.monotonic() + PATIENCE
        while True:
            customer.refresh_from_db()
            if customer.sync_state in states and (
                not tried or customer.failed_attempts or customer.sync_state == "synced"
            ):
                return None
            if time.monotonic() > end:
                return self.check(
                    f"the row is {' or '.join(states)} (it is {customer.sync_state}: {customer.sync_error})", False
                )
            time.sleep(0.05)

    def until_it_is(self, customer, name, value):
        end = time.monotonic() + PATIENCE
        while getattr(customer, name) != value and time.monotonic() < end:
            time.sleep(0.05)
            customer.refresh_from_db()

    def show(self, customer, *names):
        customer.refresh_from_db()
        remote = self.fake.customer(customer.customer_reference or "") or {}
        for name in names:
            ours, theirs = getattr(customer, name) or "", remote.get(COMPARED[name]) or ""
            self.say(f"    {name:28} Django: {ours:28} 2Checkout: {theirs}")

    def same(self, customer):
        remote = self.fake.customer(customer.customer_reference or "") or {}
        changed_fields = [
            name for name, theirs in COMPARED.items() if (getattr(customer, name) or "") != (remote.get(theirs) or "")
        ]
        self.check(
            "both sides are the same" + (f", but for {', '.join(changed_fields)}" if changed_fields else ""),
            not changed_fields,
        )

    def count(self, method):
        return sum(request.method == method for request in self.fake.requests)

    def press(self, button, customer):
        self.admin.post(reverse(f"admin:{button}", args=[customer.pk]))
        customer.refresh_from_db()

    def delete_card(self, customer, digits):
        """Choose the card on the admin's page, confirm, and return what the admin says."""
        address = reverse("admin:twocheckout_customer_cards") + f"?customer={customer.pk}"
        page = self.admin.get(address).content.decode()
        for sealed, label in re.findall(r'name="card"[^>]*value="([^"]+)" aria-label="([^"]+)"', page):
            if digits in label:
                answer = self.admin.post(address, {"card": sealed, "confirmed": "yes"}, follow=True).content.decode()
                said = re.findall(r'<ul class="messagelist">(.*?)</ul>', answer, re.DOTALL)
                said += re.findall(r'id="tco-remark[^"]*">([^<]*)', answer)
                return " ".join(" ".join(re.sub(r"<[^>]+>", "", words).split()) for words in said) or "nothing"
        return "no such card"
