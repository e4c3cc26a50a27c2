"""The sentences that tell what came of an erasure. They are stored in English, and shown in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

ERASED_BOTH = _("Erased here and at 2Checkout.")
ERASED_HERE = _("Erased here.")
KEEPS_ONE = _(
    "2Checkout cannot delete a customer: it keeps one without personal data under the same references, and its own "
    "orders and invoices."
)
NOT_THERE = _("2Checkout does not have this customer.")
OF_ANOTHER = _(
    "The customer that 2Checkout has under our reference belongs to another row here, so it was left as it is."
)
EMPTIED = _("The row itself stays, emptied, because the project's other rows need it.")
REFERENCE_STAYS = _("Our own reference looks like an e-mail address, and stays there.")
FINISH = _("A person has to finish it in the Control Panel.")
TRIED_AGAIN = _("It is tried again until 2Checkout acknowledges it.")
LOST = _(
    "The row was deleted by other means before the erasure had ended, so 2Checkout may still have the customer. Look "
    "for it in the Control Panel."
)

SENTENCES = (
    ERASED_BOTH,
    ERASED_HERE,
    KEEPS_ONE,
    NOT_THERE,
    OF_ANOTHER,
    EMPTIED,
    REFERENCE_STAYS,
    FINISH,
    TRIED_AGAIN,
    LOST,
)


def in_words(stored: str) -> str:
    """What is stored, with these sentences in the reader's language; 2Checkout's codes stay as they are."""
    for sentence in SENTENCES:
        stored = stored.replace(sentence, gettext(sentence))
    return stored
