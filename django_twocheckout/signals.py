"""Signals a project may listen to; sent robustly, after the row was written and with no transaction of ours open.

Each is sent with ``sender=Customer``, ``customer`` (freshly loaded) and ``using`` (the database's alias). They carry
names of fields, never values.
"""

from __future__ import annotations

from django.dispatch import Signal

customer_pushed = Signal()
"""2Checkout has our values. ``created``: bool; ``fields``, ``conflicts``: names in CustomerInformation's spelling."""

customer_push_failed = Signal()
"""A push did not succeed. ``error``: a TwoCheckoutError; ``final``: False where it will be tried again by itself."""

customer_pulled = Signal()
"""The row was re-fetched. ``fields``, ``conflicts``: names in CustomerInformation's spelling."""

card_deleted = Signal()
"""A card is gone at 2Checkout, by us or already."""

customers_marked = Signal()
"""Rows were marked as pending by a bulk write, for which Django sends no ``post_save``. No ``customer``; only
``using``."""
