"""The last step of a push or a pull: signals for the project.

They are sent with ``send_robust``, after the row was written and outside our transactions. Each has
``sender=Customer``, ``customer`` (freshly loaded) and ``using`` (the database's alias). They carry names of fields,
never values, but for ``notification_received``.
"""

from __future__ import annotations

from django.dispatch import Signal

customer_pushed = Signal()
"""2Checkout has our values. ``created``: bool. ``fields``, ``conflicts``: names in CustomerInformation's spelling."""

customer_push_failed = Signal()
"""A push did not succeed. ``error``: a TwoCheckoutError. ``final``: False if the row will be tried again by itself."""

customer_pulled = Signal()
"""The row was re-fetched. ``fields``, ``conflicts``: names in CustomerInformation's spelling."""

customer_gone = Signal()
"""2Checkout clearly said, for the first time, that it has no such customer any more."""

notification_received = Signal()
"""2Checkout has notified us. Sent in the request, before the receipt: what is slow here makes 2Checkout wait.

``kind``: "ipn" or "lcn". ``account``: its alias. ``parameters``: a dictionary of texts, and of dictionaries for
arrays, so this one signal does carry values. Their names are not signed: believe nothing that you do not ask 2Checkout
about. ``customer``: the row, as it was before the pull, or None. The same event may come again.
"""

customer_erased = Signal()
"""A customer was erased. ``pk``: the key of its row, which is gone or emptied. ``erasure``: what came of it, in words.
Without ``customer``. After a killed worker the sweep sends it, so it may come twice."""

account_paused = Signal()
"""Trouble of an account stopped its customers for now. *sender*: Account. ``account``: its alias. ``reason``: in words.
``until``: when one customer is tried. Sent once for each pause, without ``customer``."""

account_resumed = Signal()
"""The pause is over. *sender*: Account. ``account``: its alias. Without ``customer``."""

exchange_finished = Signal()
"""An exchange with 2Checkout has ended: all requests of one push, pull, deletion, erasure or fetch. For metrics.

``verb``: "push", "pull", "delete", "erase" for an attempt to erase, or "fetch" for what is only looked at.
``outcome``: "done", "agreed" (a push found both sides alike), "retry" or "failed". ``http_status``: of the last answer,
or None. ``milliseconds``, ``requests``: of all its requests; it may have none. ``account``: its alias. Without
``customer``, so it costs no statement, and nothing at all without a receiver.
"""

card_deleted = Signal()
"""A card is gone at 2Checkout, deleted by us or before."""
