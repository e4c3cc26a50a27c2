"""The row's country and language: stored as codes in one spelling, and chosen by name in every form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.db import models
from django.forms.boundfield import BoundField

from ..countries import (
    country_choices,
    country_code,
    country_name,
    language_choices,
    language_code,
    language_name,
)
from .dirty_fields import DirtyFields
from .validators import validate_country_code, validate_language

if TYPE_CHECKING:
    from django.db.models.expressions import Combinable

    TextField = models.CharField[str | int | Combinable, str]
else:
    TextField = models.CharField


class CodeChoiceField(forms.TypedChoiceField):
    """A choice by name. The row's value can be kept, even if it is not among the choices."""

    def __init__(self, *, name_of: Callable[[str], str], **options: Any) -> None:
        self.name_of = name_of
        super().__init__(**options)

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> BoundField:
        value = self.prepare_value(form.get_initial_for_field(self, field_name))
        if value and not self.valid_value(value):
            choices: Any = self.choices
            self.choices = [*choices, (value, self.name_of(value))]
        return super().get_bound_field(form, field_name)

    def prepare_value(self, value: Any) -> Any:
        return self.coerce(value) if isinstance(value, str) else value

    def to_python(self, value: Any) -> str:
        return str(self.coerce(super().to_python(value)))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), self.prepare_value(data))


class CodeField(TextField):
    """A code. Every way into the database gives it one spelling: forms, saves, bulk writes, fixtures and filters."""

    code: ClassVar[Callable[[str], str]]
    name_of: ClassVar[Callable[[str], str]]
    names: ClassVar[Callable[[], Iterable[tuple[str, str]]]]

    def __init__(self, *args: Any, **options: Any) -> None:
        # The choices are for forms and for get_…_display(). Validators decide what a row may have.
        super().__init__(*args, **{**options, "choices": type(self).names})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        options.pop("choices", None)
        return name, path, args, options

    def to_python(self, value: Any) -> Any:
        return self._spelt(super().to_python(value))

    def get_prep_value(self, value: Any) -> Any:
        return self._spelt(super().get_prep_value(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self._spelt(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value

    def _spelt(self, value: Any) -> Any:
        return type(self).code(value) if isinstance(value, str) else value

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """As Django does. What the row has already is kept, even if it is no code."""
        if isinstance(model_instance, DirtyFields) and self.name not in model_instance.changed_fields():
            return self.to_python(value)
        return super().clean(value, model_instance)

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        if value in self.empty_values:
            super().validate(value, model_instance)

    def formfield(self, *args: Any, **options: Any) -> Any:
        choice = partial(CodeChoiceField, name_of=type(self).name_of)
        return super().formfield(*args, **{"choices_form_class": choice, **options})


class CountryField(CodeField):
    """An ISO 3166-1 alpha-2 code in upper case."""

    code, name_of, names = country_code, country_name, country_choices
    default_validators = [validate_country_code]


class LanguageField(CodeField):
    """An ISO 639-1 code in lower case."""

    code, name_of, names = language_code, language_name, language_choices
    default_validators = [validate_language]
