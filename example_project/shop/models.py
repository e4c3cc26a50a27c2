"""The shop's own account; what 2Checkout needs to know of its owner stands in the linked Customer."""

from django.db import models

from django_twocheckout.models import Customer


class Account(models.Model):
    customer = models.OneToOneField(Customer, on_delete=models.PROTECT, related_name="shop_account")
    nickname = models.CharField(max_length=40)
    joined_at = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return self.nickname
