"""Decides whether a text that 2Checkout shows may be an echo of the text that we sent, changed on its way by software.

A form or a database changes a text in few known manners: it escapes characters for HTML, cuts the text at a length,
changes upper and lower case, squeezes white space, uses another Unicode form, drops accents or characters that its
character set lacks, and writes phone numbers and codes with other separators. None of these replaces a letter by
another letter. So a text with another letter is never an echo.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator

#: Fields in which only digits, or only letters and digits, have a meaning.
_NUMBERS = frozenset({"Phone", "Fax"})
_CODES = frozenset({"Zip", "FiscalCode"})

#: More rounds of escaping than any chain of programs has.
_MOST_ESCAPES = 8
#: An accent behind a Latin letter. Elsewhere such a mark makes another letter, as in й or が.
_ACCENT = re.compile("(?<=[A-Za-z])[\u0300-\u036f]+")
#: A backslash that escapes a quote or a backslash.
_BACKSLASH = re.compile(r"\\(?=['\"\\])")
#: How programs write an apostrophe in HTML.
_APOSTROPHES = ("&#x27;", "&#039;", "&#39;", "&apos;")
_SPECIAL = "&<>'\""
#: Character sets that lack letters.
_CHARACTER_SETS = ("ascii", "latin-1")


def may_be_echo(name: str, sent: str, shown: str) -> bool:
    """Whether *shown* may be the field's text *sent*, changed by software and by no person."""
    if sent == shown or (shown and sent.startswith(shown)):
        return True
    ours, theirs = _folded(_unescaped(sent)), _folded(_unescaped(shown))
    if not sent:  # as all fields of an imported customer, before its first pull
        return not theirs
    if name in _NUMBERS and _same_number(ours, theirs):
        return True
    if name in _CODES and _letters(theirs) and _letters(ours) == _letters(theirs):
        return True
    if any(_folded(_unescaped(form)) == theirs for form in _forms(_unescaped(sent))):
        return True
    return any(_begins(written, shown) for form in (sent, html.unescape(sent)) for written in _writings(form))


def _unescaped(text: str) -> str:
    for _ in range(_MOST_ESCAPES):
        text, before = _BACKSLASH.sub("", html.unescape(text)), text
        if text == before:
            break
    return text


def _folded(text: str) -> str:
    """The text without case, Unicode forms and the form of its white space."""
    text = unicodedata.normalize("NFKD", text).casefold()
    # Composed, so that no text ends between a letter and its mark.
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _forms(text: str) -> Iterator[str]:
    """The text, without its accents, and without the characters that a character set lacks."""
    yield text
    if text.isascii():
        return
    apart = unicodedata.normalize("NFD", text)
    yield _ACCENT.sub("", apart)
    for form in (text, apart):
        for character_set in _CHARACTER_SETS:
            for errors in ("ignore", "replace"):
                yield form.encode(character_set, errors).decode(character_set)


def _writings(text: str) -> Iterator[str]:
    """The text in each of its forms, and each of these as programs write it."""
    for form in _forms(text):
        yield form
        yield re.sub(r"(['\"\\])", r"\\\1", form)
        for digits in (2, 3):
            yield "".join(f"&#{ord(one):0{digits}};" if one in _SPECIAL else one for one in form)
        for apostrophe in _APOSTROPHES:
            once = html.escape(form).replace("&#x27;", apostrophe)
            yield from (once, html.escape(once))


def _begins(whole: str, shown: str) -> bool:
    """Whether *shown* is the beginning of *whole*: text that was cut, also within an entity or before an accent."""
    whole, beginning = _apart(whole), _apart(shown)
    return bool(beginning) and whole.startswith(beginning)


def _apart(text: str) -> str:
    """The text without case and the form of its white space, with accents behind their Latin letters."""
    folded = _folded(text)
    return "".join(apart if (apart := unicodedata.normalize("NFD", one))[0].isascii() else one for one in folded)


def _same_number(ours: str, theirs: str) -> bool:
    """Whether the digits are the same. A number may lose its leading zeros or the plus before its country."""
    digits = ["".join(filter(str.isdecimal, text)).lstrip("0") for text in (ours, theirs)]
    return bool(digits[0]) and digits[0] == digits[1] and not any(map(str.isalpha, theirs))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))
