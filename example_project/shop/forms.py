from django import forms

from .models import Account


class AccountForm(forms.ModelForm):
    """For signing up and for changing: it knows nothing of 2Checkout."""

    class Meta:
        model = Account
        fields = [
            "nickname", "first_name", "last_name", "email", "address1", "zip", "city", "country_code", "phone",
            "company", "fiscal_code",
        ]  # fmt: skip
