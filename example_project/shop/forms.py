from django import forms
from django.db import transaction

from django_twocheckout.models import Customer

from .models import Account


class CustomerForm(forms.ModelForm):
    class Meta:
        model = Customer
        fields = [
            "first_name", "last_name", "email", "address1", "zip", "city", "country_code", "phone", "company",
            "fiscal_code",
        ]  # fmt: skip

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in Customer.REQUIRED_FIELDS:
            self.fields[name].required = True


class SignUpForm(CustomerForm):
    nickname = forms.CharField(max_length=40)
    field_order = ["nickname"]

    @transaction.atomic
    def save(self):
        customer = (
            super().save()
        )  # this is all it takes: once the transaction is committed, 2Checkout gets the customer
        return Account.objects.create(customer=customer, nickname=self.cleaned_data["nickname"])
