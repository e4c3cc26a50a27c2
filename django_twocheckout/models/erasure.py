"""The record of each erasure: the durable mark while it is under way, and afterwards the audit, without values.

What was erased is recognised by hashes of its references, so that no pull, import or notification brings it back.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from ..conf import signing_keys
from ..redaction import redacted_repr
from .attempt import Source
from .customer import Customer

_SALT = "twocheckout.erasure"
#: Hexadecimal digits that tell a key from others, and nothing about it.
_KEY_DIGITS = 16
#: A worker that ends an erasure sends the signal long before this time is over.
ANNOUNCED_WITHIN = timedelta(minutes=5)


class ErasureState(models.TextChoices):
    UNDER_WAY = "under_way", _("Under way")
    ERASED = "erased", _("Erased")
    KEPT = "kept", _("Erased here, kept in part at 2Checkout")
    REFUSED = "refused", _("Refused")


def reference_hash(reference: str | None, key: str | bytes | None = None) -> str:
    """The hash of a customer's reference, of either kind. Blank without a reference.

    The account is no part of it, so that an account can be renamed.
    It is keyed by the project's SECRET_KEY: a number of nine digits would be found by trying all of them.
    """
    if not reference:
        return ""
    secret = signing_keys()[0] if key is None else key
    return salted_hmac(_SALT, reference, secret=secret, algorithm="sha256").hexdigest()


def key_name(key: str | bytes | None = None) -> str:
    """A name of the key of the hashes, which tells nothing about the key itself."""
    secret = signing_keys()[0] if key is None else key
    return salted_hmac(f"{_SALT}.key", "", secret=secret, algorithm="sha256").hexdigest()[:_KEY_DIGITS]


class ErasureManager(models.Manager["Erasure"]):
    def among(self, database: str, account: str, references: Iterable[str | None]) -> set[str]:
        """Those of the references whose customers of this account were erased here, or are being erased.

        Hashes made with a key of SECRET_KEY_FALLBACKS are found too.
        """
        hashes = {
            reference_hash(reference, key): reference for reference in references if reference for key in signing_keys()
        }
        if not hashes:
            return set()
        found: set[str] = set()
        erased = self.using(database).filter(account=account).exclude(state=ErasureState.REFUSED)
        for name in ("reference_hash", "external_reference_hash"):
            some = erased.filter(**{f"{name}__in": list(hashes)}).values_list(name, flat=True)
            found.update(hashes[one] for one in some)
        return found

    def left_behind(self, database: str) -> models.QuerySet[Erasure]:
        """Those that no worker goes on with: their rows are gone, or a killed worker did not announce their end."""
        row = Customer.objects.using(database).filter(pk=models.OuterRef("customer"))
        lost = models.Q(~models.Exists(row), state=ErasureState.UNDER_WAY)
        before = timezone.now() - ANNOUNCED_WITHIN
        ended = models.Q(state__in=[ErasureState.ERASED, ErasureState.KEPT], ended_at__lt=before)
        return self.using(database).filter(lost | (ended & models.Q(announced=False))).order_by("pk")

    def begun(self, database: str, customers: Iterable[Any]) -> dict[Any, tuple[int, bool]]:
        """The erasures under way by customer: key, and whether it goes on while a subscription is active."""
        rows = self.under_way(database).filter(customer__pk__in=customers).order_by("pk")
        names = ("customer_id", "pk", "with_active_subscriptions")
        return {customer: (pk, even_active) for customer, pk, even_active in rows.values_list(*names)}

    def under_way(self, database: str) -> models.QuerySet[Erasure]:
        """The erasures that have not ended."""
        return self.using(database).filter(state=ErasureState.UNDER_WAY)


class Erasure(models.Model):
    """One request to erase a customer. It holds no name, no address and no reference."""

    account = models.CharField(_("account"), max_length=64, default="default")
    # It keeps the key of a row that is gone.
    customer = models.ForeignKey(
        Customer,
        verbose_name=_("customer"),
        on_delete=models.DO_NOTHING,
        related_name="erasures",
        db_constraint=False,
        help_text=_("The row's primary key."),
    )
    state = models.CharField(
        _("state"), max_length=10, choices=ErasureState.choices, default=ErasureState.UNDER_WAY, db_index=True
    )
    words = models.TextField(_("in words"), blank=True, default="")
    begun_at = models.DateTimeField(_("asked"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    source = models.CharField(_("asked by"), max_length=10, choices=Source.choices, default=Source.CODE)
    user = models.CharField(_("user"), max_length=64, blank=True, default="", help_text=_("The person's primary key."))
    with_active_subscriptions = models.BooleanField(
        _("with active subscriptions"), default=False, help_text=_("Erased even while a subscription is active.")
    )
    announced = models.BooleanField(default=False, help_text=_("Whether customer_erased was sent."))
    reference_hash = models.CharField(max_length=64, blank=True, default="", db_index=True)
    external_reference_hash = models.CharField(max_length=64, blank=True, default="", db_index=True)
    key_name = models.CharField(
        max_length=_KEY_DIGITS, blank=True, default="", help_text=_("Which SECRET_KEY the hashes were made with.")
    )

    objects = ErasureManager()

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        default_permissions = ("view",)

    __repr__ = redacted_repr

    def __str__(self) -> str:
        return f"{self.customer_id} · {self.get_state_display()}"

    @property
    def is_recognised(self) -> bool:
        """Whether the settings still have the key of its hashes, so that the customer is known to be erased."""
        return self.key_name in {key_name(key) for key in signing_keys()}
