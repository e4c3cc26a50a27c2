import time

from django.conf import settings
from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from django_twocheckout import sync
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.exceptions import TwoCheckoutError
from django_twocheckout.models import Customer
from django_twocheckout.wire import CustomerInformationSerializer

from . import seed, vendor
from .forms import CustomerForm, SignUpForm
from .models import Account

SHOWN = [
    "CustomerReference", "ExternalCustomerReference", "FirstName", "LastName", "Email", "Address1", "Zip", "City",
    "CountryCode", "Phone", "Company", "FiscalCode", "ExistingCards",
]  # fmt: skip


def accounts(request):
    everybody = Account.objects.select_related("customer").order_by("-pk")
    only_there = seed.only_there(vendor.current) if vendor.current else []
    return render(request, "shop/accounts.html", {"accounts": everybody, "only_there": only_there[:1]})


def sign_up(request):
    form = SignUpForm(request.POST or None)
    if form.is_valid():
        return redirect("shop:account", form.save().pk)
    return render(request, "shop/sign_up.html", {"form": form})


def account(request, pk):
    account = get_object_or_404(Account.objects.select_related("customer"), pk=pk)
    form = CustomerForm(request.POST or None, instance=account.customer)
    if form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("shop:account", pk)
    return render(request, "shop/account.html", {"account": account, "form": form})


@require_POST
def buy(request, pk):
    """What a buy link carries, so that the purchase lands on this very customer."""
    account = get_object_or_404(Account.objects.select_related("customer"), pk=pk)
    try:
        parameters = account.customer.checkout_parameters()
    except TwoCheckoutError as error:
        messages.error(request, error.words)
        return redirect("shop:account", pk)
    bought = {"merchant": settings.TWOCHECKOUT["MERCHANT_CODE"], "prod": "MONTHLY-PLAN", "qty": 1}
    link = f"https://secure.2checkout.com/checkout/buy?{urlencode(bought | parameters)}"
    context = {"account": account, "parameters": parameters, "link": link}
    return render(request, "shop/buy.html", context)


def at_2checkout(request, pk):
    """Both sides of one customer, the other one fetched as it is now; in the demo, an edit on the other side too."""
    customer = get_object_or_404(Account.objects.select_related("customer"), pk=pk).customer
    if request.method == "POST" and vendor.current and customer.customer_reference:
        meddle(request, customer)
        return redirect("shop:at-2checkout", pk)
    remote, problem, subscriptions = {}, "2Checkout does not have this customer yet.", []
    if customer.customer_reference:
        try:
            remote, problem, subscriptions = fetch(customer), "", sync.subscriptions(customer)
        except TwoCheckoutError as error:
            problem = error.words
    ours = CustomerInformationSerializer(customer).data
    rows = [(name, readable(ours.get(name)), readable(remote.get(name))) for name in SHOWN]
    asked = "\n".join(map(str, vendor.current.requests[:-16:-1])) if vendor.current else None
    context = {
        "customer": customer,
        "pk": pk,
        "rows": rows,
        "problem": problem,
        "subscriptions": subscriptions,
        "asked": asked,
    }
    return render(request, "shop/at_2checkout.html", context)


def fetch(customer: Customer):
    account = settings.TWOCHECKOUT
    client = TwoCheckoutClient(
        merchant_code=account["MERCHANT_CODE"], secret_key=account["SECRET_KEY"], base_url=account["BASE_URL"]
    )
    return client.retrieve_customer(customer.customer_reference)


def readable(value):
    if isinstance(value, list):
        return ", ".join(f"{card.get('CardType')} •••• {card.get('LastDigits')}" for card in value)
    return value or ""


def meddle(request, customer: Customer):
    """What a colleague at 2Checkout, or fate, might do."""
    reference, act = customer.customer_reference, request.POST.get("act")
    if act == "edit":
        vendor.current.edit(reference, Phone=request.POST.get("phone", ""))
        messages.success(request, "Changed at 2Checkout. Save something here, or re-fetch in the admin.")
    elif act == "card":
        vendor.current.add_card(reference, "Visa", "1111")
        plan = vendor.current.add_subscription(reference, purchased=time.time() - 600)
        vendor.current.add_card(reference, "Mastercard", "4444", subscription=plan)
        messages.success(request, "Two cards are on file at 2Checkout; a subscription is paid with one of them.")
    elif act == "subscribe":
        vendor.current.add_subscription(reference, purchased=time.time() - 600)
        messages.success(request, "A subscription was bought ten minutes ago; 2Checkout finds one after five.")
    elif act == "fail":
        vendor.current.fail("503", times=2)
        messages.success(request, "The next two requests will be answered 503. Save something here.")
