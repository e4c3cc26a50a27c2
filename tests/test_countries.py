"""The names of countries and languages."""

from __future__ import annotations

import sys
import types

import pytest
from django.apps import apps
from django.utils import translation

from django_twocheckout.countries import (
    COUNTRY_CODES,
    LANGUAGE_CODES,
    country_choices,
    country_name,
    language_choices,
    language_name,
)


@pytest.mark.parametrize("language", ["en", "de", "ro", "fr"])
def test_all_have_a_name_of_their_own(language):
    with translation.override(language):
        for codes, choices in ((COUNTRY_CODES, country_choices()), (LANGUAGE_CODES, language_choices())):
            assert {code for code, _name in choices} == codes
            assert len({name for _code, name in choices}) == len(codes)
            assert all(len(name) > 2 and name == name.strip() for _code, name in choices)


def test_in_the_alphabets_order():
    with translation.override("de"):
        names = [name for _code, name in country_choices()]
    assert names.index("Ägypten") < names.index("Albanien") < names.index("Zypern")
    assert names.index("Norwegen") < names.index("Österreich") < names.index("Pakistan")


@pytest.mark.parametrize(
    ("name_of", "code", "name"),
    [
        (country_name, "de", "Germany"),
        (country_name, "XX", "XX"),
        (country_name, "", ""),
        (language_name, "EN", "English"),
        (language_name, "pt-br", "Brazilian Portuguese"),
        (language_name, "zh", "Chinese"),
        (language_name, "xx", "xx"),
        (language_name, "", ""),
    ],
)
def test_names(name_of, code, name):
    assert name_of(code) == name


def test_django_countries_names_come_first(monkeypatch):
    names = {"DE": "Land of the Germans"}
    package = types.SimpleNamespace(countries=types.SimpleNamespace(name=lambda code: names.get(code, "")))
    monkeypatch.setitem(sys.modules, "django_countries", package)
    monkeypatch.setattr(apps, "is_installed", lambda name: name == "django_countries")
    with translation.override("en-gb"):
        assert country_name("DE") == "Land of the Germans"
        assert country_name("XK") == "Kosovo"
