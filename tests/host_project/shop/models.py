from django.db import models


class Account(models.Model):
    """A shopper's account, with its customer at 2Checkout."""

    newsletter = models.BooleanField(default=False)
    customer = models.OneToOneField("twocheckout.Customer", on_delete=models.PROTECT, related_name="shop_account")

    def __str__(self) -> str:
        return str(self.customer)
