"""What the API takes and answers, by the model's own names. What it takes is :mod:`.strict`."""

from __future__ import annotations

from copy import copy
from typing import Any, ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext as _
from rest_framework import serializers

from ..conf import conf
from ..flows.account_link import ACCOUNT_PAGES
from ..models import Customer, Presence, SyncState
from ..redaction import redacted_repr
from ..sync import AccountStatus, Card, Difference, Status, Subscription
from .strict import Email, StrictSerializer, Text

#: What a person may write: what is pushed, and for a new customer its account.
WRITABLE = (
    "external_customer_reference",
    "first_name",
    "last_name",
    "company",
    "fiscal_code",
    "address1",
    "address2",
    "city",
    "state",
    "zip",
    "country_code",
    "phone",
    "fax",
    "email",
    "language",
)

#: 2Checkout's names of its own reference and of ours.
CHECKOUT_PARAMETERS = ("customer-ref", "customer-ext-ref")


class WithoutExcluded(serializers.Serializer[Any]):
    """Has not the fields of the setting EXCLUDE_FIELDS."""

    __repr__ = redacted_repr

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        excluded = conf.EXCLUDE_FIELDS
        return {name: field for name, field in super().get_fields().items() if name not in excluded}


class StoredCardSerializer(serializers.Serializer[dict[str, str]]):
    """A card on file when 2Checkout last told. Never a token."""

    type = serializers.CharField(default="")
    last_digits = serializers.CharField(default="")
    expiry = serializers.CharField(default="")

    __repr__ = redacted_repr


class CustomerSerializer(WithoutExcluded, serializers.ModelSerializer[Customer]):
    """A customer as it is answered: its values, 2Checkout's own, and the sync state."""

    # Declared, for the model's choices are those of forms: a row may have others.
    country_code = serializers.CharField(read_only=True)
    language = serializers.CharField(read_only=True)
    sync_state = serializers.ChoiceField(SyncState.choices, read_only=True)
    presence = serializers.ChoiceField(Presence.choices, read_only=True)
    existing_cards = StoredCardSerializer(many=True, read_only=True)

    class Meta:
        model = Customer
        fields: ClassVar[list[str]] = [
            "id",
            "account",
            *WRITABLE,
            "customer_reference",
            "enabled",
            "trial",
            "existing_cards",
            "credit_limit",
            "credit_remaining",
            "credit_currency",
            "sync_state",
            "sync_error",
            "error_code",
            "presence",
            "pushed_at",
            "pulled_at",
            "saved_at",
            "failed_attempts",
            "failing_since",
        ]
        read_only_fields = fields

    __repr__ = redacted_repr


class CustomerWriteSerializer(StrictSerializer, WithoutExcluded, serializers.ModelSerializer[Customer]):
    """A customer as it is taken. The model's own rules count, and 2Checkout's required fields, as in the admin's form.

    What is not named stays as it is. ``save()`` is the model's, so it marks the row as any save does.
    """

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.CharField: Text,
        models.EmailField: Email,
    }

    account = Text(required=False, max_length=64)
    external_customer_reference = Text(required=False, max_length=250)
    country_code = Text(max_length=2)
    language = Text(required=False, allow_blank=True, max_length=10)

    only_read = frozenset(CustomerSerializer.Meta.fields)

    class Meta:
        model = Customer
        fields: ClassVar[list[str]] = ["account", *WRITABLE]
        extra_kwargs = {name: {"required": True, "allow_blank": False} for name in Customer.REQUIRED_FIELDS}
        validators: ClassVar[list[object]] = []  # the model's own are asked below

    __repr__ = redacted_repr

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        customer = copy(self.instance) if isinstance(self.instance, Customer) else self.Meta.model()
        account = attrs.get("account", customer.account)
        if self.instance is not None and account != customer.account:
            raise serializers.ValidationError({"account": _("A customer cannot move to another account.")})
        if self.instance is None and account not in conf.aliases():
            raise serializers.ValidationError({"account": _("The settings have no such account.")})
        for name, value in attrs.items():
            setattr(customer, name, value)
        others = {field.name for field in customer._meta.concrete_fields} - attrs.keys()
        customer.clean_fields(exclude=others)
        customer.clean()
        customer.validate_constraints(exclude=others)
        return attrs


class DifferenceSerializer(serializers.Serializer[Difference]):
    """One field, as three sides have it."""

    field = serializers.CharField(source="attribute")
    changed = serializers.ChoiceField(["", "here", "there", "both"])
    ours = serializers.CharField()
    acknowledged = serializers.CharField(source="known", allow_null=True)
    theirs = serializers.CharField(allow_null=True)
    shown = serializers.CharField(allow_null=True)

    __repr__ = redacted_repr


class CardSerializer(serializers.Serializer[Card]):
    """A card on file as just fetched. ``card``: its sealed token, for this person and 15 minutes, or null."""

    type = serializers.CharField()
    last_digits = serializers.CharField()
    expiry = serializers.CharField()
    subscriptions = serializers.ListField(child=serializers.CharField())
    card = serializers.SerializerMethodField()
    reason = serializers.CharField()

    __repr__ = redacted_repr

    def get_card(self, card: Card) -> str | None:
        return self.context["seal"](card) if card.token else None


class CardChoiceSerializer(StrictSerializer):
    """The sealed token of the card to be deleted."""

    card = Text(max_length=4096)

    __repr__ = redacted_repr


class CheckoutParametersSerializer(serializers.Serializer[dict[str, str]]):
    """What a purchase has to carry, by 2Checkout's names. Either may be missing."""

    __repr__ = redacted_repr

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {name: serializers.CharField(required=False) for name in CHECKOUT_PARAMETERS}


class AccountPageSerializer(StrictSerializer):
    """A page of the shopper's account at 2Checkout, and its language."""

    page = serializers.ChoiceField(ACCOUNT_PAGES, default="payment_methods")
    language = Text(required=False, max_length=10, validators=[RegexValidator(r"^[A-Za-z]{2}([-_][A-Za-z0-9_-]*)?\Z")])

    __repr__ = redacted_repr


class AccountLinkSerializer(serializers.Serializer[dict[str, str]]):
    """A link that signs the shopper in, valid for 30 seconds. It is as good as a password."""

    link = serializers.CharField()

    __repr__ = redacted_repr


class SubscriptionSerializer(serializers.Serializer[Subscription]):
    """A subscription as 2Checkout has it now."""

    reference = serializers.CharField()
    product = serializers.CharField(allow_blank=True)
    status = serializers.CharField(allow_blank=True)
    renewal_date = serializers.DateField(allow_null=True)
    renews = serializers.BooleanField(allow_null=True)

    __repr__ = redacted_repr


class AccountStatusSerializer(serializers.Serializer[AccountStatus]):
    """One account, and those of its customers that the person may see."""

    account = serializers.CharField(source="alias")
    counts = serializers.DictField(child=serializers.IntegerField())
    gone = serializers.IntegerField()
    paused_now = serializers.BooleanField()
    paused_since = serializers.DateTimeField(allow_null=True)
    paused_until = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    to_confirm = serializers.BooleanField()
    swept_at = serializers.DateTimeField(allow_null=True)
    worked_at = serializers.DateTimeField(allow_null=True)

    __repr__ = redacted_repr


class StatusSerializer(serializers.Serializer[Status]):
    """The state of all customers that the person may see, and of the accounts."""

    now = serializers.DateTimeField()
    accounts = AccountStatusSerializer(many=True)
    counts = serializers.DictField(child=serializers.IntegerField())
    gone = serializers.IntegerField()
    due = serializers.IntegerField()
    in_flight = serializers.IntegerField()
    oldest_pending_seconds = serializers.FloatField(allow_null=True)
    failures = serializers.DictField(child=serializers.IntegerField())
    enabled = serializers.BooleanField()
    paused_now = serializers.BooleanField()
    paused_since = serializers.DateTimeField(allow_null=True)
    paused_until = serializers.DateTimeField(allow_null=True)
    paused_account = serializers.CharField(allow_blank=True)
    pause_reason = serializers.CharField(allow_blank=True)
    to_confirm = serializers.ListField(child=serializers.CharField())
    unknown_accounts = serializers.DictField(child=serializers.IntegerField())
    swept_at = serializers.DateTimeField(allow_null=True)
    sweep_is_late = serializers.BooleanField()
    worked_at = serializers.DateTimeField(allow_null=True)
    standstill = serializers.BooleanField()

    __repr__ = redacted_repr
