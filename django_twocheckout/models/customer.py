"""The customer's row: it mirrors CustomerInformation and is its own queue. Every push begins and ends here.

A row holds three things: the values (:mod:`.information`), those 2Checkout last acknowledged, and the sync state (both
in :mod:`.sync_fields`). ``save()`` writes the values and the mark "pending" in one statement.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, router
from django.utils.translation import gettext_lazy as _

from ..exceptions import AccountIsFixed, BeingErased
from ..redaction import redacted_repr
from .checkout import parameters_of
from .information import by_reference
from .querysets import ERASED_CONSTRAINT, CustomerManager, log_erased, mark
from .references import FreshReference, fresh_reference, prefix_of
from .states import Presence, SyncState
from .sync_fields import SyncFields


class Customer(SyncFields):
    """A customer as 2Checkout's CustomerInformation, field by field, and its sync state.

    https://docs.2checkout.com/api-reference/reference/customers
    """

    objects = CustomerManager()

    #: What a mirror writes with the values of the save that is under way.
    written_beside: Mapping[str, object] = MappingProxyType({})

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        indexes = [
            models.Index(
                fields=["account", "sync_state", "next_attempt_at", "pending_since", "id"], name="twocheckout_due"
            ),
            models.Index(fields=["last_name", "first_name"], name="twocheckout_name"),
            models.Index(fields=["country_code"], name="twocheckout_country"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["external_customer_reference", "account"], name="twocheckout_external_reference"
            ),
            models.UniqueConstraint(fields=["customer_reference", "account"], name="twocheckout_reference"),
            models.CheckConstraint(
                condition=~models.Q(erased=True, sync_state=SyncState.PENDING),
                name=ERASED_CONSTRAINT,
                violation_error_message=_("This customer is being erased, so nothing is written to it."),
            ),
        ]
        permissions = [
            ("push_customer", _("Can push customers to 2Checkout")),
            ("pull_customer", _("Can re-fetch customers from 2Checkout")),
            ("delete_card", _("Can delete customers' cards at 2Checkout")),
            ("erase_customer", _("Can erase customers, here and at 2Checkout")),
        ]

    __repr__ = redacted_repr

    @property
    def row_key(self) -> int | str:
        """The key of the row in this model's own table. A subclass may have another key of its own."""
        key: int | str = self.base_key(Customer)
        return key

    def checkout_parameters(self) -> dict[str, str]:
        """What a purchase has to carry so that it lands on this customer, and makes no second one at 2Checkout.

        ``customer-ref`` (2Checkout's reference) and ``customer-ext-ref`` (ours), for buy links, ConvertPlus and inline
        carts, where the signature must cover both. Before 2Checkout has the customer, and for one that is gone there,
        ours alone: the purchase makes the customer with it, and our push then finds it. One of the two alone also where
        the other is missing, or where 2Checkout was not told it yet.

        Asks the row, not this instance, and sends nothing. From then on the customer is looked up before it is created.
        Inside a transaction that counts from the commit, so give the parameters to nobody before it. Raises NotSent for
        a row without any reference to give, and DoesNotExist without a row.

        https://docs.2checkout.com/shopping-carts/convertplus/convertplus-url-parameters
        """
        database = router.db_for_write(type(self), instance=self)
        return parameters_of(Customer.objects.using(database).filter(pk=self.row_key))

    def __str__(self) -> str:
        return super().__str__() or (str(_("(erased)")) if self.erased else "")

    def save(self, *args: Any, **options: Any) -> None:
        """As Django does, but writes only what this instance changed, and the mark with it.

        Raises BeingErased if the customer is being erased.
        """
        try:
            super().save(*args, **options)
        except IntegrityError as error:
            if ERASED_CONSTRAINT not in str(error):
                raise
            raise BeingErased from None

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """As Django does, but also in a form without the account. A duplicate reference is an error of its field."""
        try:
            super().validate_constraints(set(exclude or ()) - {"account"})
        except ValidationError as refusal:
            raise ValidationError(by_reference(refusal.error_dict)) from None

    @property
    def stays_in_its_account(self) -> bool:
        """Whether 2Checkout knows the customer, or may know it, as far as this instance has it."""
        return bool(self.customer_reference or self.acknowledged or self.in_doubt)

    def is_moved_though_known(self) -> bool:
        """Whether the instance has another account than its row, and the row has to stay. By the row as it is now."""
        rows = Customer.objects.using(router.db_for_write(type(self), instance=self))
        return rows.filter(pk=self.row_key).maybe_known().exclude(account=self.account).exists()

    def clean(self) -> None:
        super().clean()
        if self.row_memory and "account" in self.changed_fields() and self.is_moved_though_known():
            raise ValidationError(AccountIsFixed.words, code="account_is_fixed")

    def before_update(self, names: Collection[str], *, asked: bool) -> dict[str, object]:
        """Mark the row as pending if a pushed field or its account is written, or if the row had failed.

        Raises AccountIsFixed for a move of a row that 2Checkout may know, and BeingErased for a row that is erased.
        """
        if "account" in names and self.is_moved_though_known():
            raise AccountIsFixed
        if self.erased and not self.PUSHED_FIELDS.isdisjoint(names):
            raise BeingErased
        pushed = self.shared_fields() | self.FIXED_FIELDS
        if pushed.isdisjoint(names) and (asked or self.sync_state != SyncState.FAILED):
            return {}
        values = {**mark(names), **self.written_beside}
        if "external_customer_reference" in names:
            values["external_customer_reference"] = self.external_customer_reference or None
        return self.assign(**values)

    def before_insert(self, *, copied: bool) -> None:
        """Give a new row a reference of ours, and reset the engine's fields of a copied row.

        A row that brings 2Checkout's reference may be without ours.
        """
        if not self.external_customer_reference:
            self.external_customer_reference = None if self.customer_reference else fresh_reference(self.account)
        reference = self.external_customer_reference
        if isinstance(reference, FreshReference) and not reference.startswith(prefix_of(self.account)):
            self.external_customer_reference = fresh_reference(self.account)
        if copied:
            self.assign(pushed_at=None, pulled_at=None, acknowledged={}, shown={}, written={}, in_doubt=[])
            self.assign(mirror_of=None, mirrored={})
        self.presence, self.erased = Presence.THERE, False
        self.reset_state()

    def save_mirrored(self, using: str, *, mirror_of: str, mirrored: Mapping[str, str]) -> None:
        """Save what was assigned, and note in the same statement which object's values these are."""
        self.written_beside = {"mirror_of": mirror_of, "mirrored": mirrored}
        try:
            self.save(using=using)
        finally:
            del self.written_beside

    def remember_written(self, using: str, names: Collection[str] | None = None) -> None:
        super().remember_written(using, names)
        if isinstance(self.external_customer_reference, FreshReference):
            self.external_customer_reference.spent = True

    def reset_state(self) -> None:
        """The state of a new row, whatever it brings: synced if 2Checkout acknowledged these very values."""
        self.assign(**mark(), failing_since=None, lease="", lease_expires_at=None)
        if self.customer_reference and self.presence == Presence.THERE and not self.in_doubt:
            known, ours = self.acknowledged, self.shared_fields()
            if ours <= known.keys() and all((known[name] or "") == (getattr(self, name) or "") for name in ours):
                self.sync_state = SyncState.SYNCED
        if self.erased:
            self.sync_state = SyncState.SYNCED

    def before_raw_save(self, row: Mapping[str, object] | None) -> None:
        """Keep what the row knows of 2Checkout. A new row keeps what it brings of that, and has no lease."""
        if row is None:
            self.untried = False
            return self.reset_state()
        self.keep(row)
        if self.erased:
            log_erased()
            self.assign(**{name: row[name] for name in self.PUSHED_FIELDS})
            return None
        changed = {name for name in self.shared_fields() if (row[name] or "") != (getattr(self, name) or "")}
        if changed:
            self.assign(**mark(changed))
        return None

    def keep(self, row: Mapping[str, object]) -> None:
        """Keep the engine's columns of the row that is there, and the account of one that 2Checkout may know."""
        self.assign(**{name: row[name] for name in self.ENGINE_FIELDS})
        if row["customer_reference"] or row["acknowledged"] or row["in_doubt"]:
            self.assign(account=row["account"])

    def assign(self, **values: object) -> dict[str, object]:
        for name, value in values.items():
            setattr(self, name, value)
        return values
