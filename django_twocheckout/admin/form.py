"""The form of a customer in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import Customer, SyncState, validate_visible, without_invisible_ends
from . import accounts
from .display.failures import fields_at_fault, reason_of_field

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Customer]
else:
    ModelForm = forms.ModelForm


class EmailField(forms.EmailField):
    """An e-mail address. Invisible characters at its ends come along when it is copied, so they are cut off."""

    def to_python(self, value: object) -> str:
        return without_invisible_ends(str(super().to_python(value)))


class CustomerForm(ModelForm):
    """Asks for 2Checkout's required fields, although 2Checkout itself may have left some blank in the row.

    Only the person's changes are assigned. A value pulled while the form was open stays.
    """

    #: ``account``, which no other form may change. The admin leaves it out where it cannot be chosen.
    merchant_account = forms.ChoiceField()

    class Meta:
        model = Customer
        fields = "__all__"
        field_classes = {"email": EmailField}
        # For the staff alone. The model's own stand in shoppers' forms too.
        help_texts = {
            "email": gettext_lazy("Not unique at 2Checkout: a shopper may have several customer accounts."),
            "fiscal_code": gettext_lazy("The VAT ID of a company; 2Checkout checks it."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if accounts.CHOICE in self.fields:
            self.fields[accounts.CHOICE] = accounts.choice_field(self._account_at_first())
        for name in Customer.REQUIRED_FIELDS:
            if name in self.fields:
                self.fields[name].required = True
        for field in self.fields.values():
            field.show_hidden_initial = self.instance.pk is not None
        if self.instance.sync_state == SyncState.FAILED and not self.is_bound:
            self._mark_faults()

    def _mark_faults(self) -> None:
        """Mark the fields at fault, each with the reason, and focus the first."""
        faults = fields_at_fault(self.instance)
        names = [name for name in self.fields if name in faults]
        for name in names:
            field = self.fields[name]
            field.help_text = format_html(
                "<strong>{}</strong> {}", reason_of_field(self.instance, name), field.help_text
            )
            field.widget.attrs |= {"aria-invalid": "true", "autofocus": name == names[0]}

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        for name in cleaned.keys() - set(self.changed_data):
            if self.add_initial_prefix(name) in self.data:
                cleaned[name] = getattr(self.instance, "account" if name == accounts.CHOICE else name)
        self._move(cleaned.get(accounts.CHOICE))
        return cleaned

    def _account_at_first(self) -> str:
        """The row's account. For a new row the default one, if the settings have it."""
        account = self.instance.account
        return "" if self.instance._state.adding and accounts.is_unknown(account) else account

    def _move(self, account: str | None) -> None:
        """Assign the account that the person chose. A customer that 2Checkout may know by now stays where it is."""
        before = self.instance.account
        if account is None or account == before:
            return
        self.instance.account = account
        if not self.instance._state.adding and self.instance.is_moved_though_known():
            self.instance.account = before
            self.add_error(
                accounts.CHOICE,
                _(
                    "2Checkout knows this customer in the account “%(account)s”, or may know it, so it stays there. "
                    "Add a new customer in the other account instead."
                )
                % {"account": before},
            )

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        if "email" in self.changed_data:  # 2Checkout's own stays as it is
            validate_visible(email)
        return email
