"""Models that a project links to Customer: multi-table children, and one that refers to it."""

from __future__ import annotations

from django.db import models

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
