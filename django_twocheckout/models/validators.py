"""Validates a customer's reference, country and language before a push."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..countries import COUNTRY_CODES


def validate_external_reference(value: str) -> None:
    """Refuse an unusable reference. 2Checkout's own references and ours share one place in the address."""
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
    validate_visible(value)


def validate_country_code(value: str) -> None:
    """Refuse anything but an ISO 3166-1 alpha-2 code."""
    # Only ASCII: "ß".upper() is South Sudan's code.
    if not value.isascii() or value.upper() not in COUNTRY_CODES:
        raise ValidationError(
            _("“%(value)s” is not a two-letter ISO 3166 country code."), code="country", params={"value": value}
        )


validate_language = RegexValidator(
    r"^[A-Za-z]{2}([-_][A-Za-z]{2})?\Z", _("Use a two-letter ISO 639-1 language code, such as “en”."), code="language"
)


def validate_visible(value: str) -> None:
    """Refuse a character that nobody sees, such as a zero-width space. Django accepts many in an e-mail's domain."""
    hidden = next((character for character in value if not character.isprintable()), "")
    if hidden:
        raise ValidationError(
            _("It has an invisible character (%(code)s)."), code="invisible", params={"code": f"U+{ord(hidden):04X}"}
        )


def validate_storable(value: str) -> None:
    """Refuse a character that no database of ours stores: NUL, and half of a pair of UTF-16."""
    wrong = next((character for character in value if character == "\0" or "\ud800" <= character <= "\udfff"), "")
    if wrong:
        raise ValidationError(
            _("It has a character that cannot be stored (%(code)s)."),
            code="unstorable",
            params={"code": f"U+{ord(wrong):04X}"},
        )


def without_invisible_ends(value: str) -> str:
    """The text without spaces and invisible characters at its ends. They come along when it is copied."""
    seen = [place for place, character in enumerate(value) if character.isprintable() and character != " "]
    return value[seen[0] : seen[-1] + 1] if seen else ""
