"""Writes the reference from the code, as Markdown: one function for each ``<!-- generated: NAME -->`` of a page.

It needs Django's apps to be loaded. It knows no Sphinx, so the project's tests read the same text.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from argparse import SUPPRESS, Action
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import get_args, get_type_hints

from django.apps import apps
from django.contrib import admin
from django.core.management import load_command_class
from django.core.management.base import BaseCommand
from django.db import models
from django.urls import URLPattern

from django_twocheckout import checks, exceptions, kit, schedule, signals, sync, tasks, testing, urls
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.conf import SETTINGS
from django_twocheckout.models import Attempt, Customer, CustomerQuerySet, Job
from django_twocheckout.testing import FAULTS, Behaviour, FakeTwoCheckout

#: Choices of fewer than so many are listed.
FEW = 12
PACKAGE = Path(exceptions.__file__).parent


# What is common.


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown."""
    names = list(head)
    lines = [names, ["---"] * len(names), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def words(docstring: str | None) -> str:
    """A docstring as Markdown: its roles become code, its literal blocks become fenced ones."""
    text = inspect.cleandoc(docstring or "")
    text = re.sub(r":\w+:`[.~]*(?:django_twocheckout\.)?([^`]+)`", r"`\1`", text).replace("``", "`")
    parts = re.split(r"(?m)^::\n\n((?:    .*\n?|\n)+)", text + "\n")
    for index in range(1, len(parts), 2):
        parts[index] = f"```python\n{textwrap.dedent(parts[index]).strip()}\n```\n\n"
    return "".join(parts).strip()


def line(docstring: str | None) -> str:
    """The same in one line, for a table."""
    return " ".join(words(docstring).split())


def attribute_docstrings(source: str) -> dict[str, str]:
    """The texts below assignments, by the name that is assigned."""
    found = {}
    for block in ast.walk(ast.parse(source)):
        body = getattr(block, "body", None)
        if not isinstance(body, list):
            continue
        for statement, text in pairwise(body):
            target = _target(statement)
            if target and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                found[target] = str(text.value.value)
    return found


def _target(statement: ast.stmt) -> str:
    one = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
    return one.id if isinstance(one, ast.Name) else ""


def function(name: str, what: Callable[..., object], *, level: int = 3) -> str:
    """A function with its signature and its docstring."""
    parameters = [one for one in inspect.signature(what).parameters.values() if one.name != "self"]
    return f"{'#' * level} `{name}({', '.join(_shown(parameters))})`\n\n{words(what.__doc__)}\n"


def _shown(parameters: list[inspect.Parameter]) -> Iterator[str]:
    starred = False
    for one in parameters:
        if one.kind is one.VAR_POSITIONAL:
            starred = True
        if one.kind is one.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        stars = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        yield f"{stars}{one.name}" + ("" if one.default is one.empty else f"={_value(one.default)}")


def _value(value: object) -> str:
    if isinstance(value, models.Choices):
        return repr(value.value)
    return value.__name__ if callable(value) and hasattr(value, "__name__") else repr(value)


def public_parts(of: type) -> Iterator[str]:
    """A class's own public methods and properties, in its order."""
    for name, value in vars(of).items():
        if not name.startswith("_"):
            if isinstance(value, property):
                yield f"### `{name}`\n\n{words(value.__doc__)}\n"
            elif inspect.isfunction(value):
                yield function(name, inspect.unwrap(value))


# One for each part of the reference.


def settings() -> str:
    def default(value: object) -> str:
        return f"`{json.dumps(value) if isinstance(value, str) else repr(value)}`"

    return "\n".join(
        f"### `{name}`\n\n{setting.meaning} {setting.more}\n\n"
        f"Default: {'none, it is required' if setting.required else default(setting.default)}. "
        f"Takes {setting.rule(...)}."
        f"{'' if setting.own else ' The same for all accounts.'}\n"
        for name, setting in SETTINGS.items()
    )


def functions_of_sync() -> str:
    return "\n".join(
        function(name, getattr(sync, name)) for name in sync.__all__ if inspect.isfunction(getattr(sync, name))
    )


def types_of_sync() -> str:
    """The types of what these functions take and return."""
    parts = []
    for name in sync.__all__:
        one = getattr(sync, name)
        if literals := get_args(one):
            parts.append(f"### `{name}`\n\nOne of {', '.join(f'`{literal!r}`' for literal in literals)}.\n")
        if not inspect.isclass(one):
            continue
        names = (
            [each.name for each in fields(one)] if hasattr(one, "__dataclass_fields__") else list(get_type_hints(one))
        )
        properties = [each for each, value in vars(one).items() if isinstance(value, property)]
        shown = ", ".join(f"`{each}`" for each in [*names, *properties] if not each.startswith("_"))
        parts.append(f"### `{name}`\n\n{words(one.__doc__)}\n\n{f'Attributes: {shown}.' if shown else ''}\n")
    return "\n".join(parts)


def client() -> str:
    return "\n".join(public_parts(TwoCheckoutClient))


def fields_of(model: type[models.Model]) -> str:
    rows = []
    for field in model._meta.fields:
        if field.primary_key:
            continue
        choices = list(field.choices or ())
        values = ", ".join(f"`{value}`" if value else "blank" for value, _label in choices if len(choices) < FEW)
        meaning = str(field.help_text) or f"{_first_upper(str(field.verbose_name))}."
        meaning += f" One of {values}." if values else ""
        owner = [_owner(field.name)] if model is Customer else []
        rows.append([f"`{field.name}`", field.get_internal_type().removesuffix("Field"), *owner, meaning])
    return table(["field", "kind", *(["whose"] if model is Customer else []), "meaning"], rows)


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _owner(name: str) -> str:
    if name in Customer.PUSHED_FIELDS:
        return "yours and 2Checkout's"
    vendor = ("customer_reference", "enabled", "trial", "existing_cards")
    if name in vendor or name.startswith("credit_"):
        return "2Checkout's"
    return "the engine's" if name in Customer.ENGINE_FIELDS else "yours"


def customer_fields() -> str:
    return fields_of(Customer)


def customer_queryset() -> str:
    names = ("mark_pending", "due", "due_again", "unclaimed")
    return "\n".join(function(f"Customer.objects.{name}", getattr(CustomerQuerySet, name)) for name in names)


def other_models() -> str:
    return "\n".join(
        f"### `{model.__name__}`\n\n{words(model.__doc__)}\n\n{fields_of(model)}"
        for model in apps.get_app_config("twocheckout").get_models()
        if model is not Customer
    )


def errors() -> str:
    """The tree as it is in the module's docstring, then each class."""
    tree = re.search(r"::\n\n(.*?)\n\n(?=\S)", exceptions.__doc__ or "", re.S)
    classes = [one for one in vars(exceptions).values() if inspect.isclass(one) and issubclass(one, Exception)]
    each = (
        f"### `{one.__name__}`\n\n{words(one.__doc__)}\n" for one in classes if one.__module__ == exceptions.__name__
    )
    return f"```text\n{textwrap.dedent(tree[1] if tree else '')}\n```\n\n" + "\n".join(each)


def checks_table() -> str:
    """By identifier, as the docstrings have them."""
    rows = [*_identified(checks.__doc__)]
    for name, one in vars(checks).items():
        text = " ".join((one.__doc__ or "").split())
        found = re.match(r"([EWI]\d{3}(?:(?:,| and) [EWI]\d{3})*)([ ,:].*)", text)
        if not name.startswith("check_") or not found or text.startswith("E001 to"):
            continue
        if found[2].startswith(":") and " and " not in found[1]:
            rows += _identified(text)
        else:
            ids = ", ".join(f"`twocheckout.{identifier}`" for identifier in re.findall(r"[EWI]\d{3}", found[1]))
            rows.append([ids, _first_upper(words(found[2].lstrip(" ,:")))])
    return table(["id", "meaning"], sorted(rows))


def _identified(docstring: str | None) -> Iterator[list[str]]:
    """Each "E001: its meaning." of a docstring, up to the first sentence's end."""
    text = " ".join((docstring or "").split())
    for identifier, meaning in re.findall(r"\b([EWI]\d{3}): (.*?)(?= [EWI]\d{3}:|$)", text):
        first = words(meaning).partition(". ")[0].rstrip(".")
        yield [f"`twocheckout.{identifier}`", f"{_first_upper(first)}."]


def signals_table() -> str:
    source = inspect.getsource(signals)
    return "\n".join(f"### `{name}`\n\n{words(text)}\n" for name, text in attribute_docstrings(source).items())


def commands() -> str:
    files = sorted((PACKAGE / "management" / "commands").glob("twocheckout_*.py"))
    return "\n".join(_command(path.stem) for path in files)


def _command(name: str) -> str:
    command = load_command_class("django_twocheckout", name)
    common = {one.dest for one in BaseCommand().create_parser("manage.py", name)._actions}
    own = [one for one in command.create_parser("manage.py", name)._actions if one.dest not in common]
    rows = [[f"`{_option(one)}`", one.help or ""] for one in own if one.help is not SUPPRESS]
    return f"### `{name}`\n\n{command.help}\n\n{table(['argument', 'meaning'], rows)}"


def _option(one: Action) -> str:
    value = "" if one.nargs == 0 else str(one.metavar or one.dest.upper())
    return f"{one.option_strings[-1]} {value}".strip() if one.option_strings else f"{value} …"


def permissions() -> str:
    rows = [[f"`twocheckout.{name}`", f"{text}."] for name, text in Customer._meta.permissions]
    for model in (Customer, Job, Attempt):
        for verb in model._meta.default_permissions:
            name = model._meta.verbose_name_plural
            rows.append([f"`twocheckout.{verb}_{model._meta.model_name}`", f"Django's own: can {verb} {name}."])
    return table(["permission", "meaning"], rows)


def notification_urls() -> str:
    rows = [[f"`{urls.app_name}:{one.name}`", f"`{one.pattern}`"] for one in urls.urlpatterns]
    return table(["name", "address"], rows)


def admin_urls() -> str:
    """Those of our own pages, below the model's address in the admin."""
    usual = ("changelist", "add", "history", "delete", "change")
    rows = []
    for model in (Customer, Job):
        for one in admin.site.get_model_admin(model).get_urls():
            name = str(getattr(one, "name", "") or "")
            if isinstance(one, URLPattern) and name and name.rpartition("_")[2] not in usual:
                rows.append([f"`admin:{name}`", f"`{model._meta.model_name}/{one.pattern}`"])
    return table(["name", "address"], rows)


def tasks_list() -> str:
    parts = [one for one in vars(tasks).values() if hasattr(one, "apply_async")]
    return "\n".join(function(one.name, one.run) for one in sorted(parts, key=lambda one: str(one.name)))


def beat_schedule() -> str:
    rows = [[f"`{name}`", f"`{one['task']}`", _each(one["schedule"])] for name, one in schedule.BEAT_SCHEDULE.items()]
    return table(["entry", "task", "when, or each"], rows)


def _each(when: object) -> str:
    return f"{when:g} s" if isinstance(when, float | int) else f"`{when}`"


def log_actions() -> set[str]:
    """Each ``action`` that a log record of ours can have."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                found |= {_constant(value) for key, value in pairs if _constant(key) == "action"}
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_facts" and node.args:
                found.add(_constant(node.args[0]))
    return {name for name in found if name and "/" not in name}


def _constant(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def fixtures() -> str:
    """From the plugin's text: importing it needs pytest."""
    tree = ast.parse((PACKAGE / "testing" / "plugin.py").read_text())
    made = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.decorator_list]
    return "\n".join(f"### `{one.name}`\n\n{words(ast.get_docstring(one))}\n" for one in made)


def kit_functions() -> str:
    made = [name for name in kit.__all__ if inspect.isfunction(getattr(kit, name))]
    mixin = f"### `TwoCheckoutMixin`\n\n{words(kit.TwoCheckoutMixin.__doc__)}\n"
    return "\n".join([*(function(name, getattr(kit, name)) for name in made), mixin])


def fake() -> str:
    """The methods of the vendor in a box."""
    return "\n".join(public_parts(FakeTwoCheckout))


def faults() -> str:
    return table(["name", "what happens"], ([f"`{name}`", fault.meaning] for name, fault in FAULTS.items()))


def switches() -> str:
    """Each switch of the vendor in a box."""
    meanings = attribute_docstrings(inspect.getsource(Behaviour))
    kinds = get_type_hints(Behaviour)
    rows = []
    for one in fields(Behaviour):
        choices = ", ".join(f'`"{value}"`' for value in get_args(kinds[one.name]) if isinstance(value, str))
        default = one.default if not callable(one.default_factory) else sorted(one.default_factory())  # type: ignore[arg-type]
        if isinstance(default, float) and default == int(default):
            default = int(default)
        shown = (
            json.dumps(default) if isinstance(default, str) else repr(None if repr(default) == "MISSING" else default)
        )
        rows.append([f"`{one.name}`", f"`{shown}`", choices, line(meanings.get(one.name))])
    return table(["switch", "default", "choices", "meaning"], rows)


def testing_names() -> str:
    return ", ".join(f"`{name}`" for name in sorted(testing.__all__)) + "\n"


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "sync-functions": functions_of_sync,
    "sync-types": types_of_sync,
    "client": client,
    "customer-fields": customer_fields,
    "customer-queryset": customer_queryset,
    "other-models": other_models,
    "errors": errors,
    "checks": checks_table,
    "signals": signals_table,
    "commands": commands,
    "permissions": permissions,
    "notification-urls": notification_urls,
    "admin-urls": admin_urls,
    "tasks": tasks_list,
    "beat-schedule": beat_schedule,
    "fixtures": fixtures,
    "kit": kit_functions,
    "fake": fake,
    "faults": faults,
    "switches": switches,
    "testing-names": testing_names,
}

MARK = re.compile(r"^<!-- generated: ([\w-]+) -->$", re.M)


def filled(text: str) -> str:
    """A page's text with what is generated. Raises KeyError for an unknown part."""
    return MARK.sub(lambda found: f"{found[0]}\n\n{PARTS[found[1]]()}", text)
