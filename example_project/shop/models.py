"""The shop's own account. At 2Checkout it is a customer, see twocheckout.py."""

from django.db import models

from django_twocheckout import mirrors
from django_twocheckout.countries import country_choices
from django_twocheckout.models import Customer


class Account(models.Model):
    customer = models.OneToOneField(
        Customer, null=True, editable=False, on_delete=models.PROTECT, related_name="shop_account"
    )
    nickname = models.CharField(max_length=40)
    first_name = models.CharField(max_length=80)
    last_name = models.CharField(max_length=80)
    email = models.EmailField("e-mail")
    address1 = models.CharField("address", max_length=200)
    zip = models.CharField("postal code", max_length=20)
    city = models.CharField(max_length=80)
    country_code = models.CharField("country", max_length=2, choices=country_choices)
    phone = models.CharField(max_length=40, blank=True)
    company = models.CharField(max_length=80, blank=True)
    fiscal_code = models.CharField(max_length=40, blank=True)
    language = models.CharField(max_length=2, default="en", editable=False)
    joined_at = models.DateTimeField(auto_now_add=True)

    objects = mirrors.MirroredQuerySet.as_manager()

    def __str__(self):
        return self.nickname
