"""The row that mirrors 2Checkout's CustomerInformation and is its own queue: where every push begins and ends.

A row holds three things: the values, what 2Checkout last acknowledged of them (``acknowledged``), and how far the two
are in step (``sync_state`` and its neighbours). ``save()`` writes the values and the mark "pending" in one statement.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..changes import ChangedFieldsOnly
from ..conf import conf
from ..countries import COUNTRY_CODES
from ..managers import CustomerManager, due_now, mark


def new_external_reference() -> str:
    """A reference of our own for a new customer: the prefix and a random part."""
    return f"{conf.REFERENCE_PREFIX}{uuid.uuid4()}"


def validate_external_reference(value: str) -> None:
    """Refuse what cannot serve as a reference: 2Checkout takes its own and ours in one place of the address."""
    if value.isdigit():
        raise ValidationError(
            _(
                "A reference of digits alone could be mistaken for one of 2Checkout's own customer references. "
                "Add a letter, or a prefix such as “%(prefix)s”."
            ),
            code="numeric",
            params={"prefix": conf.REFERENCE_PREFIX},
        )
    if value in (".", "..") or value != value.strip():
        raise ValidationError(
            _("A reference must not be made of dots, nor begin or end with a space."), code="unaddressable"
        )


def validate_country_code(value: str) -> None:
    """Refuse what is no ISO 3166-1 alpha-2 code."""
    if value.upper() not in COUNTRY_CODES:
        raise ValidationError(
            _("“%(value)s” is not a two-letter ISO 3166 country code."), code="country", params={"value": value}
        )


validate_language = RegexValidator(
    r"^[A-Za-z]{2}([-_][A-Za-z]{2})?\Z", _("Use a two-letter ISO 639-1 language code, such as “en”."), code="language"
)


class SyncState(models.TextChoices):
    PENDING = "pending", _("Pending")
    SYNCED = "synced", _("Synced")
    FAILED = "failed", _("Failed")


def _text(label: Any, help_text: Any = "", *, max_length: int = 255, **options: Any) -> Any:
    return models.CharField(label, max_length=max_length, blank=True, default="", help_text=help_text, **options)


class Customer(ChangedFieldsOnly):
    """A customer as 2Checkout's CustomerInformation has it, field by field, and how far the two are in step.

    https://docs.2checkout.com/api-reference/reference/customers
    """

    external_customer_reference = models.CharField(
        _("our reference"),
        max_length=250,
        unique=True,
        default=new_external_reference,
        validators=[validate_external_reference],
        help_text=_("Our own name for this customer at 2Checkout (ExternalCustomerReference). Unique in the account."),
    )
    customer_reference = models.CharField(
        _("2Checkout's reference"),
        max_length=64,
        unique=True,
        null=True,
        blank=True,
        default=None,
        help_text=_("2Checkout's own number for this customer (CustomerReference). Empty until it is created there."),
    )
    first_name = _text(_("first name"))
    last_name = _text(_("last name"))
    company = _text(_("company"), _("2Checkout needs it when there is a fiscal code."))
    fiscal_code = _text(_("fiscal code"), _("The VAT ID of a company; 2Checkout checks it."))
    address1 = _text(_("address"))
    address2 = _text(_("address, second line"))
    city = _text(_("city"))
    state = _text(_("state or county"), _("In full, such as “Alabama”."))
    zip = _text(_("postal code"), max_length=64)
    country_code = _text(
        _("country"), _("Two letters, ISO 3166, such as “RO”."), max_length=2, validators=[validate_country_code]
    )
    phone = _text(_("phone"), max_length=64)
    fax = _text(_("fax"), max_length=64)
    email = models.EmailField(
        _("e-mail"),
        blank=True,
        default="",
        db_index=True,
        help_text=_("Not unique at 2Checkout: a shopper may have several customer accounts."),
    )
    language = _text(
        _("language"), _("Two letters, ISO 639-1, such as “en”."), max_length=10, validators=[validate_language]
    )

    # Owned by 2Checkout: read, never sent as our own.
    enabled = models.BooleanField(
        _("enabled"), default=False, help_text=_("Has an active or past-due subscription. Set by 2Checkout.")
    )
    trial = models.BooleanField(_("trial"), default=False, help_text=_("Has only trials. Set by 2Checkout."))
    existing_cards = models.JSONField(
        _("cards"),
        default=list,
        blank=True,
        help_text=_("Type, last digits and expiry of the cards on file when 2Checkout last told. Never a token."),
    )
    credit_limit = models.DecimalField(_("credit limit"), max_digits=18, decimal_places=2, null=True, blank=True)
    credit_remaining = models.DecimalField(
        _("credit remaining"), max_digits=18, decimal_places=2, null=True, blank=True
    )
    credit_currency = _text(_("credit currency"), max_length=3)

    sync_state = models.CharField(
        _("state"),
        max_length=10,
        choices=SyncState.choices,
        default=SyncState.PENDING,
        help_text=_(
            "Pending: differs from what 2Checkout has, and will be pushed. Failed: waits for you or the next save."
        ),
    )
    sync_error = models.TextField(
        _("reason"), blank=True, default="", help_text=_("Why the last push did not succeed, in 2Checkout's words.")
    )
    error_code = _text(_("code"), _("2Checkout's code for it, or our error's name where it gave none."), max_length=64)
    pushed_at = models.DateTimeField(
        _("pushed"), null=True, blank=True, help_text=_("When 2Checkout last acknowledged our values.")
    )
    pulled_at = models.DateTimeField(
        _("re-fetched"), null=True, blank=True, help_text=_("When 2Checkout's values were last read into this row.")
    )
    saved_at = models.DateTimeField(_("saved"), auto_now=True, help_text=_("When it was last saved here."))

    # The engine's own notes.
    acknowledged = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text=_("The values that 2Checkout last acknowledged, by field."),
    )
    in_doubt = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text=_("The values of pushes that were begun and whose end is unknown: 2Checkout may have any of them."),
    )
    touched = models.BooleanField(
        default=True, editable=False, help_text=_("Changed here since a worker last took it into its hands.")
    )
    pending_since = models.DateTimeField(_("pending since"), default=timezone.now, editable=False)
    tries = models.PositiveIntegerField(_("tries"), default=0, editable=False)
    next_try_at = models.DateTimeField(_("next try"), default=due_now, editable=False)
    lease = models.CharField(
        max_length=32,
        blank=True,
        default="",
        editable=False,
        help_text=_("The worker that talks to 2Checkout about it."),
    )
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)

    objects = CustomerManager()

    PUSHED_FIELDS = frozenset(
        """
        external_customer_reference first_name last_name company fiscal_code address1 address2 city state zip
        country_code phone fax email language
        """.split()
    )
    ENGINE_FIELDS = frozenset(
        """
        customer_reference enabled trial existing_cards credit_limit credit_remaining credit_currency sync_state
        sync_error error_code pushed_at pulled_at acknowledged in_doubt touched pending_since tries next_try_at lease
        lease_until
        """.split()
    )
    #: What 2Checkout requires: https://docs.2checkout.com/soap-api-reference/soap-api-6.0/api-requests/customer
    REQUIRED_FIELDS = ("first_name", "last_name", "address1", "city", "zip", "country_code", "email")

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        indexes = [
            models.Index(fields=["sync_state", "next_try_at", "id"], name="twocheckout_due"),
            models.Index(fields=["last_name", "first_name"], name="twocheckout_name"),
            models.Index(fields=["country_code"], name="twocheckout_country"),
        ]
        permissions = [
            ("push_customer", _("Can push customers to 2Checkout")),
            ("pull_customer", _("Can re-fetch customers from 2Checkout")),
            ("delete_card", _("Can delete customers' cards at 2Checkout")),
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.company or self.external_customer_reference

    def __repr__(self) -> str:
        # Logs and tracebacks print this: no personal data, and references may be e-mail addresses.
        return f"<{type(self).__name__} pk={self.pk}>"

    def clean(self) -> None:
        super().clean()
        if self.fiscal_code and not self.company:
            raise ValidationError({"company": _("2Checkout needs the company's name when there is a fiscal code.")})

    def before_update(self, names: set[str], *, asked: bool) -> dict[str, Any]:
        """Make the row pending if a field is written that 2Checkout has too, or if the row had failed."""
        if self.PUSHED_FIELDS.isdisjoint(names) and (asked or self.sync_state != SyncState.FAILED):
            return {}
        return self.assign(**mark())

    def before_insert(self, *, copied: bool) -> None:
        """A new row has a reference of ours, and none of the engine's notes on the row that it was copied from."""
        if not self.external_customer_reference:
            self.external_customer_reference = new_external_reference()
        if copied:
            self.assign(
                **mark(), pushed_at=None, pulled_at=None, acknowledged={}, in_doubt=[], lease="", lease_until=None
            )
        if self.sync_state == SyncState.SYNCED and not self.acknowledged:
            # Brought in by the project as synced, so this is what 2Checkout has.
            self.acknowledged = {name: getattr(self, name) for name in self.PUSHED_FIELDS}

    def assign(self, **values: Any) -> dict[str, Any]:
        for name, value in values.items():
            setattr(self, name, value)
        return values
