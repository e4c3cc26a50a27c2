from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404

from .forms import CustomerForm
from .models import Account


@transaction.atomic
def sign_up(request: HttpRequest) -> HttpResponse:
    """A new shopper: the customer and the account, or neither."""
    form = CustomerForm(request.POST)
    if not form.is_valid():
        return JsonResponse(form.errors, status=400)
    account = Account.objects.create(customer=form.save(), newsletter="newsletter" in request.POST)
    return JsonResponse({"account": account.pk}, status=201)


def move(request: HttpRequest, pk: int) -> HttpResponse:
    """The shopper has moved to another city."""
    customer = get_object_or_404(Account, pk=pk).customer
    customer.city = request.POST["city"]
    customer.save()
    return JsonResponse({"state": customer.sync_state})
