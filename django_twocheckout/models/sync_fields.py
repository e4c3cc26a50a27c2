"""The columns by which the customer's row is its own queue: its account, its state, what is known of 2Checkout.

The engine alone writes most of them. No save and no bulk write of a project does.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .clock import UTCDateTimeField, utc_now
from .information import Information
from .querysets import LONG_DUE
from .references import UntriedField
from .states import Presence, SyncState


class SyncFields(Information):
    """CustomerInformation, and beside it how far both sides are in step."""

    account = models.CharField(
        _("account"),
        max_length=64,
        default="default",
        editable=False,
        help_text=_("The merchant account that the customer belongs to, by its name in the settings."),
    )

    sync_state = models.CharField(
        _("state"),
        max_length=10,
        choices=SyncState.choices,
        default=SyncState.PENDING,
        editable=False,
        help_text=_(
            "Pending: differs from what 2Checkout has, and will be pushed. Failed: waits for you or the next save."
        ),
    )
    sync_error = models.TextField(
        _("reason"),
        blank=True,
        default="",
        editable=False,
        help_text=_("Why the last push did not succeed, in 2Checkout's words."),
    )
    error_code = models.CharField(
        _("code"),
        max_length=64,
        blank=True,
        default="",
        editable=False,
        help_text=_("2Checkout's code for it, or our error's name where it gave none."),
    )
    pushed_at = models.DateTimeField(
        _("pushed"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When 2Checkout last acknowledged our values."),
    )
    pulled_at = models.DateTimeField(
        _("re-fetched"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When 2Checkout's values were last read into this row."),
    )
    saved_at = models.DateTimeField(_("saved"), auto_now=True, help_text=_("When it was last saved here."))

    # What a mirror of the project keeps, also in dumps: without it, it would overwrite what others changed.
    mirror_of = models.CharField(  # noqa: DJ001 - most customers have none
        max_length=255,
        null=True,
        blank=True,
        default=None,
        db_index=True,
        editable=False,
        help_text=_("The project's object whose customer it is: its model's label and its primary key."),
    )
    mirrored = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text=_("The values that the mirror last had from that object, by field."),
    )

    # The engine's own fields.
    presence = models.CharField(
        _("at 2Checkout"),
        max_length=10,
        choices=Presence.choices,
        default=Presence.THERE,
        editable=False,
        help_text=_("Gone: 2Checkout clearly says that it has no such customer."),
    )
    untried = UntriedField(
        default=False,
        editable=False,
        serialize=False,
        help_text=_("Its reference was made here and given to nobody, so 2Checkout cannot have the customer."),
    )
    acknowledged = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text=_("The values that 2Checkout last acknowledged, by field."),
    )
    shown = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text=_("The values that 2Checkout shows otherwise than it acknowledged them, by field."),
    )
    written = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text=_("Our last writes that 2Checkout may not show yet, and what they replaced, by field."),
    )
    in_doubt = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text=_("The values of pushes that were begun and whose end is unknown: 2Checkout may have any of them."),
    )
    changed_since_claim = models.BooleanField(
        default=True, editable=False, help_text=_("Changed here since a worker last claimed it.")
    )
    pending_since = UTCDateTimeField(_("pending since"), default=utc_now, editable=False)
    failing_since = UTCDateTimeField(
        _("failing since"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("The first failure since 2Checkout last acknowledged it."),
    )
    failed_attempts = models.PositiveIntegerField(_("tries"), default=0, editable=False)
    next_attempt_at = UTCDateTimeField(_("next try"), default=LONG_DUE, editable=False)
    lease = models.CharField(
        max_length=32,
        blank=True,
        default="",
        editable=False,
        help_text=_("The worker that talks to 2Checkout about it."),
    )
    lease_expires_at = UTCDateTimeField(null=True, blank=True, editable=False)
    erased = models.BooleanField(
        _("erased"),
        default=False,
        editable=False,
        help_text=_("Being erased, or emptied by it: nothing is written to it by the project, and nothing is pushed."),
    )

    #: What is known of 2Checkout, and the engine's own work. No save and no bulk write of a project changes these.
    ENGINE_FIELDS = frozenset(
        """
        customer_reference enabled trial existing_cards credit_limit credit_remaining credit_currency sync_state
        sync_error error_code pushed_at pulled_at presence untried acknowledged shown written in_doubt
        changed_since_claim pending_since failing_since failed_attempts next_attempt_at lease lease_expires_at
        erased mirror_of mirrored
        """.split()
    )
    #: A row keeps it once 2Checkout may know the customer.
    FIXED_FIELDS = frozenset(["account"])

    class Meta:
        abstract = True
