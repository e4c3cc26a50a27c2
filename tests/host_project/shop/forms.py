from django import forms

from django_twocheckout.models import Customer


class CustomerForm(forms.ModelForm[Customer]):
    class Meta:
        model = Customer
        fields = ("first_name", "last_name", "email", "address1", "zip", "city", "country_code")
