"""The addresses of the admin's pages, and what a person does and reads there."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.forms import ModelForm
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from django_twocheckout.models import Customer

LIST = "/admin/twocheckout/customer/"
ADD = f"{LIST}add-from-2checkout/"
CARDS = f"{LIST}cards/"
STATUS = f"{LIST}status/"


def form(customer: Customer) -> str:
    """The address of this customer's form."""
    return reverse("admin:twocheckout_customer_change", args=[customer.pk])


def act(client: Client, action: str, *customers: Customer) -> Any:
    """Choose these customers in the list, and the action; the page that comes of it."""
    chosen = {"action": action, "_selected_action": [customer.pk for customer in customers]}
    return client.post(LIST, chosen, follow=True)


def values(page_form: ModelForm, **changes: Any) -> dict[str, Any]:
    """What a browser posts: the fields, and the hidden ones that say what they began with."""
    data = {name: field.value() for name in page_form.fields for field in [page_form[name]]}
    begun = {page_form.add_initial_prefix(name): value for name, value in data.items()}
    return {name: value for name, value in {**begun, **data, **changes}.items() if value is not None}


def said(response: Any) -> tuple[str, str]:
    """The one message, and its level before it."""
    [message] = response.context["messages"]
    return message.level_tag, str(message)


def read(html: str) -> str:
    """What a person reads: no markup, and each run of blanks as one."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def text(response: HttpResponse) -> str:
    """What a person reads on the page."""
    return read(response.content.decode())
