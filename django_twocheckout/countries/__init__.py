"""The countries and languages that a customer may have, by code, with names in the reader's language.

Names of countries are django-countries', where it is among the installed apps, otherwise our own. Names of languages
are Django's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module

from django.apps import apps
from django.utils.translation import get_language, get_language_info
from django.utils.translation import gettext as _

from .names import NAMES

Names = list[tuple[str, str]]

_OWN = {line[:2]: [name.strip() for name in line[3:].split("|")] for line in NAMES.strip().splitlines()}
#: The place of a language's name in a line of NAMES.
_COLUMNS = {"de": 1, "ro": 2}

#: The ISO 3166-1 alpha-2 codes, and Kosovo's.
COUNTRY_CODES = frozenset(_OWN)
#: The ISO 639-1 codes to choose from. A row may have others.
LANGUAGE_CODES = frozenset(
    """
    af ar az be bg bn br bs ca cs cy da de el en es et eu fa fi fr fy ga gd gl he hi hr hu hy id ig is it ja ka kk km kn
    ko ky lb lt lv mk ml mn mr ms my nb ne nl nn no os pa pl pt ro ru sk sl sq sr sv sw ta te tg th tk tr tt ug uk ur uz
    vi zh
    """.split()
)


def country_code(text: str) -> str:
    """The code as 2Checkout takes it: in upper case. Other texts stay as they are: ``"ß".upper()`` is South Sudan."""
    return text.upper() if text.isascii() else text


def language_code(text: str) -> str:
    """The code as 2Checkout takes it: in lower case."""
    return text.lower() if text.isascii() else text


def country_name(code: str) -> str:
    """The country's name in the reader's language. The code itself if it is no country's."""
    return dict(country_choices()).get(country_code(code), code)


def language_name(code: str) -> str:
    """The language's name in the reader's language. The code itself if it is no known language's."""
    known = language_code(code)
    if known == "zh":
        return _("Chinese")  # Django knows only its scripts
    try:
        return str(get_language_info(known)["name_translated"])
    except KeyError:
        return code


def country_choices() -> Names:
    """All countries, by name."""
    return _countries(get_language() or "en", apps.is_installed("django_countries"))


def language_choices() -> Names:
    """The languages to choose from, by name."""
    return _languages(get_language() or "en")


@lru_cache
def _countries(language: str, by_django_countries: bool) -> Names:
    column = _COLUMNS.get(language.partition("-")[0], 0)
    names = {code: (*own, "", "")[column] or own[0] for code, own in _OWN.items()}
    if by_django_countries:
        theirs = import_module("django_countries").countries
        names = {code: str(theirs.name(code)) or name for code, name in names.items()}
    return _by_name(names.items())


@lru_cache
def _languages(language: str) -> Names:
    return _by_name((code, language_name(code)) for code in LANGUAGE_CODES)


def _by_name(names: Iterable[tuple[str, str]]) -> Names:
    """In the alphabet's order, with accents left out of it."""

    def place(one: tuple[str, str]) -> str:
        letters = unicodedata.normalize("NFKD", one[1])
        return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()

    return sorted(names, key=place)
