from __future__ import annotations

import gettext
import re
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation import ngettext

import django_twocheckout
from django_twocheckout.models import Customer

from .admin.pages import LIST, form

LOCALE = Path(django_twocheckout.__file__).parent / "locale"
LANGUAGES = ["de", "ro"]


def catalog(language):
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)._catalog


def plurals(language):
    """The plurals of the singulars, which the compiled catalog does not give."""
    texts = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text()
    return dict(re.findall(r'^msgid "(.+)"\nmsgid_plural "(.+)"$', texts, re.MULTILINE))


def placeholders(text):
    return sorted(set(re.findall(r"%\(\w+\)[sd]", text)))


def test_both_have_the_same_texts():
    german, romanian = ({key[0] if isinstance(key, tuple) else key for key in catalog(name)} for name in LANGUAGES)
    assert german == romanian
    assert len(german) > 350


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_with_its_placeholders(language):
    plural = plurals(language)
    for key, words in catalog(language).items():
        text = key[0] if isinstance(key, tuple) else key
        if text:
            assert words.strip()
            # A plural's singular may go without its number: "it", and "all 34".
            assert placeholders(words) in (placeholders(text), placeholders(plural.get(text, text)))


@pytest.mark.parametrize(
    ("language", "count", "words"),
    [
        ("de", 1, "1 Kunde erledigt."),
        ("de", 2, "2 Kunden erledigt."),
        ("ro", 1, "1 client rezolvat."),
        ("ro", 2, "2 clienți rezolvați."),
        ("ro", 20, "20 de clienți rezolvați."),
        ("ro", 101, "101 clienți rezolvați."),
    ],
)
def test_plural_forms(language, count, words):
    with translation.override(language):
        text = ngettext("%(count)d customer done.", "%(count)d customers done.", count) % {"count": count}
    assert text == words


@pytest.mark.parametrize(
    ("language", "state", "button", "headline", "title"),
    [
        ("de", "Synchron", "Jetzt übertragen", "2Checkout hat, was Sie hier sehen.", "Läuft alles?"),
        ("ro", "Sincronizat", "Trimite acum", "2Checkout are ceea ce vedeți aici.", "Funcționează?"),
    ],
)
def test_pages(admin_client, pushed, settings, language, state, button, headline, title):
    settings.LANGUAGE_CODE = language
    page = admin_client.get(LIST).content.decode()
    assert f"</span> {state}" in page
    assert title in page
    page = admin_client.get(form(Customer.objects.get())).content.decode()
    assert f">{button}</button>" in page
    assert headline in page
    assert admin_client.get(f"{LIST}status/").status_code == 200
