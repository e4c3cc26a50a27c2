"""CustomerInformation's fields, as the customer's row has them: references, values of both sides, 2Checkout's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from .dirty_fields import DirtyFields
from .fields import CountryField, LanguageField
from .references import fresh_reference
from .validators import validate_external_reference, validate_storable, validate_visible

if TYPE_CHECKING:
    from django.db.models.expressions import Combinable
    from django_stubs_ext import StrOrPromise


def _text(
    label: StrOrPromise,
    help_text: StrOrPromise = "",
    *,
    max_length: int = 255,
    editable: bool = True,
) -> models.CharField[str | int | Combinable, str]:
    """A text that is never NULL."""
    return models.CharField(
        label,
        max_length=max_length,
        blank=True,
        default="",
        help_text=help_text,
        validators=[validate_storable],
        editable=editable,
    )


class Information(DirtyFields):
    """A customer as 2Checkout's CustomerInformation, field by field.

    https://docs.2checkout.com/api-reference/reference/customers
    """

    external_customer_reference = models.CharField(  # noqa: DJ001 - unique where there is one
        _("our reference"),
        max_length=250,
        null=True,
        blank=True,
        default=fresh_reference,
        validators=[validate_external_reference],
        help_text=_("Our own name for this customer at 2Checkout (ExternalCustomerReference). Unique in the account."),
    )
    customer_reference = models.CharField(  # noqa: DJ001 - unique where it is known
        _("2Checkout's reference"),
        max_length=64,
        null=True,
        blank=True,
        default=None,
        editable=False,
        help_text=_("2Checkout's own number for this customer (CustomerReference). Empty until it is created there."),
    )
    first_name = _text(_("first name"))
    last_name = _text(_("last name"))
    company = _text(_("company"), _("Needed with a fiscal code."))
    fiscal_code = _text(_("fiscal code"), _("The VAT ID of a company."))
    address1 = _text(_("address"))
    address2 = _text(_("address, second line"))
    city = _text(_("city"))
    state = _text(_("state or county"), _("In full, such as “Alabama”."))
    zip = _text(_("postal code"), max_length=64)
    country_code = CountryField(_("country"), max_length=2, blank=True, default="")
    phone = _text(_("phone"), max_length=64)
    fax = _text(_("fax"), max_length=64)
    email = models.EmailField(
        _("e-mail"),
        blank=True,
        default="",
        db_index=True,
        validators=[validate_visible],
    )
    language = LanguageField(_("language"), max_length=10, blank=True, default="")

    # Owned by 2Checkout: read, never sent. editable=False keeps these and all fields below out of forms.
    enabled = models.BooleanField(
        _("enabled"),
        default=False,
        editable=False,
        help_text=_("Has an active or past-due subscription. Set by 2Checkout."),
    )
    trial = models.BooleanField(
        _("trial"), default=False, editable=False, help_text=_("Has only trials. Set by 2Checkout.")
    )
    existing_cards = models.JSONField(
        _("cards"),
        default=list,
        blank=True,
        editable=False,
        help_text=_("Type, last digits and expiry of the cards on file when 2Checkout last told. Never a token."),
    )
    credit_limit = models.DecimalField(
        _("credit limit"), max_digits=18, decimal_places=2, null=True, blank=True, editable=False
    )
    credit_remaining = models.DecimalField(
        _("credit remaining"), max_digits=18, decimal_places=2, null=True, blank=True, editable=False
    )
    credit_currency = _text(_("credit currency"), max_length=3, editable=False)

    PUSHED_FIELDS = frozenset(
        """
        external_customer_reference first_name last_name company fiscal_code address1 address2 city state zip
        country_code phone fax email language
        """.split()
    )
    #: Required by 2Checkout: https://docs.2checkout.com/soap-api-reference/soap-api-6.0/api-requests/customer
    REQUIRED_FIELDS = ("first_name", "last_name", "address1", "city", "zip", "country_code", "email")

    #: Written by 2Checkout alone.
    OWNED_FIELDS = frozenset("enabled trial existing_cards credit_limit credit_remaining credit_currency".split())
    #: What the setting EXCLUDE_FIELDS may name.
    EXCLUDABLE_FIELDS = (PUSHED_FIELDS | OWNED_FIELDS) - {*REQUIRED_FIELDS, "external_customer_reference"}

    class Meta:
        abstract = True

    @classmethod
    def shared_fields(cls) -> frozenset[str]:
        """Names of the fields that both sides write: without those of the setting EXCLUDE_FIELDS."""
        return cls.PUSHED_FIELDS.difference(conf.EXCLUDE_FIELDS)

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.company or self.reference

    @property
    def reference(self) -> str:
        """Our reference, or else 2Checkout's. Blank if there is neither."""
        return self.external_customer_reference or self.customer_reference or ""

    def clean(self) -> None:
        super().clean()
        before = self.row_memory.value_of("external_customer_reference") if self.row_memory else None
        if before and not self.external_customer_reference:
            raise ValidationError({"external_customer_reference": models.Field.default_error_messages["blank"]})
        if self.fiscal_code and not self.company and "fiscal_code" in self.shared_fields():
            raise ValidationError({"company": _("2Checkout needs the company's name when there is a fiscal code.")})


def by_reference(errors: Mapping[str, list[ValidationError]]) -> dict[str, list[ValidationError]]:
    """The errors by field, with those of a reference and its account under the reference."""
    by_field: dict[str, list[ValidationError]] = {}
    for name, some in errors.items():
        for error in some:
            names = (error.params or {}).get("unique_check", ())
            model = (error.params or {}).get("model")
            if "account" in names and model is not None:
                name = next(one for one in names if one != "account")
                error = model.unique_error_message(type(model), (name,))
            by_field.setdefault(name, []).append(error)
    return by_field
