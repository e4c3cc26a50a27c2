"""Models that a project links to Customer: multi-table children, one that refers to it, and mirrored ones."""

from __future__ import annotations

import uuid

from django.db import models

from django_twocheckout import mirrors
from django_twocheckout.models import Customer


class Member(Customer):
    """A child with Customer's key."""

    level = models.CharField(max_length=20, blank=True, default="")
    badges = models.JSONField(default=list, blank=True)

    class Meta:
        app_label = "shop"


class Partner(Customer):
    """A child with a key of its own."""

    code = models.CharField(max_length=20, primary_key=True)
    customer = models.OneToOneField(Customer, on_delete=models.CASCADE, parent_link=True)
    level = models.CharField(max_length=20, blank=True, default="")

    class Meta:
        app_label = "shop"


class Order(models.Model):
    """Refers to a customer."""

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"order {self.pk}"


class Login(models.Model):
    """What a mirrored object reads beside itself, as a project's user is."""

    id = models.BigAutoField(primary_key=True)
    email = models.CharField(max_length=300)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"login {self.pk}"


class BuyerQuerySet(mirrors.MirroredQuerySet["Buyer"]):
    """As a project derives it."""


class Buyer(models.Model):
    """Mirrored: see twocheckout.py."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(Login, on_delete=models.CASCADE, null=True)
    name = models.CharField(max_length=300)
    email = models.CharField(max_length=300)
    city = models.CharField(max_length=300, blank=True, default="")
    visits = models.IntegerField(default=0)
    customer = models.OneToOneField(Customer, null=True, editable=False, on_delete=models.SET_NULL)

    objects = BuyerQuerySet.as_manager()

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"buyer {self.pk}"


class Subscriber(Buyer):
    """A child of a mirrored model, with a key of its own."""

    number = models.CharField(max_length=20, primary_key=True)
    buyer = models.OneToOneField(Buyer, on_delete=models.CASCADE, parent_link=True)

    class Meta:
        app_label = "shop"


class Patron(models.Model):
    """Mirrored with all fields that a customer can have, and so under other names than its own where they differ."""

    id = models.BigAutoField(primary_key=True)
    merchant = models.CharField(max_length=64)
    first_name = models.CharField(max_length=255)
    last_name = models.CharField(max_length=255)
    company = models.CharField(max_length=255)
    fiscal_code = models.CharField(max_length=255)
    address1 = models.CharField(max_length=255)
    address2 = models.CharField(max_length=255)
    city = models.CharField(max_length=255)
    state = models.CharField(max_length=255)
    zip = models.CharField(max_length=64)
    country_code = models.CharField(max_length=2)
    phone = models.CharField(max_length=64)
    fax = models.CharField(max_length=64)
    email = models.CharField(max_length=255)
    language = models.CharField(max_length=10)
    customer = models.OneToOneField(Customer, null=True, editable=False, on_delete=models.CASCADE)

    objects = mirrors.MirroredQuerySet.as_manager()

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"patron {self.pk}"


class Guest(models.Model):
    """Mirrored in some tests; its keys are no numbers."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField()
    customer = models.OneToOneField(Customer, null=True, editable=False, on_delete=models.PROTECT)

    objects = mirrors.MirroredQuerySet.as_manager()

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"guest {self.pk}"
