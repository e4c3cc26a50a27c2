"""Finds at start what is wrong or missing in a project, before anything is sent. Prints no value of a setting.

E001: ``TWOCHECKOUT`` is missing or no dictionary. E002: it has an unknown key. E003: a required key is missing or
blank. E004: ``BASE_URL`` is wrong. E005: ``HASH_ALGORITHM`` is wrong. E006: any other value is wrong. ``conf`` says
what is valid for each key. E010 and E011, the warnings, W001 to W009, and I001 stand in the
docstrings of the checks below.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module

from celery import Celery, current_app
from celery.app import app_or_default
from celery.loaders.default import Loader as DefaultLoader
from django.apps import apps
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.db import DatabaseError, connections

from .broker import unreadable
from .conf import DEFAULT_ACCOUNT, KNOWN, SETTINGS, ConfigurationError, conf, given, public_host
from .dispatch import reach_broker, uses_celery
from .flows.notifications_overview import addresses
from .mirrors.registry import registered, second_mirrors
from .models import Customer, CustomerQuerySet

SWEEP = "twocheckout.push_pending"

DOCS = "See “Settings” in the README of django-twocheckout."

#: Keys with an identifier of their own. All others share E006.
WRONG = {"BASE_URL": "twocheckout.E004", "HASH_ALGORITHM": "twocheckout.E005"}


def check_settings(app_configs: object = None, **kwargs: object) -> list[CheckMessage]:
    """E001 to E006: the setting as a whole, its keys and its values."""
    values = given()
    if not isinstance(values, dict):
        return [
            Error(
                "TWOCHECKOUT is not set." if values is None else "TWOCHECKOUT must be a dictionary.",
                hint='Set TWOCHECKOUT = {"MERCHANT_CODE": …, "SECRET_KEY": …}. ' + DOCS,
                id="twocheckout.E001",
            )
        ]
    return [*_unknown_keys(values), *_wrong_values()]


def _unknown_keys(keys: Iterable[object]) -> Iterator[CheckMessage]:
    for key in keys:
        if key not in KNOWN:
            close = difflib.get_close_matches(str(key).upper(), KNOWN, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Known keys are {', '.join(KNOWN)}."
            yield Error(f"TWOCHECKOUT has an unknown key {key!r}.", hint=hint, id="twocheckout.E002")


def _wrong_values() -> Iterator[CheckMessage]:
    try:
        aliases = conf.aliases()
    except ConfigurationError:
        aliases = [DEFAULT_ACCOUNT]
    for name, setting in SETTINGS.items():
        value = setting.raw()
        if setting.is_missing(value):
            if DEFAULT_ACCOUNT not in aliases:
                continue  # all customers belong to other accounts
            hint = f"Copy it from the Control Panel, Integrations, Webhooks & API, into the environment. {DOCS}"
            yield Error(f"TWOCHECKOUT[{name!r}] is missing or blank.", hint=hint, id="twocheckout.E003")
        elif advice := setting.rule(value):
            hint = f"Use {advice}. {setting.more}".rstrip()
            yield Error(f"TWOCHECKOUT[{name!r}] is wrong.", hint=hint, id=WRONG.get(name, "twocheckout.E006"))


def check_worker(app_configs: object = None, **kwargs: object) -> list[CheckMessage]:
    """W001 and W002, with ``check --deploy``: no worker can reach the broker, or tasks run inside the request."""
    messages: list[CheckMessage] = []
    if not uses_celery():
        return messages
    if str(current_app.conf.broker_url or "").startswith("memory:"):
        messages.append(
            checks.Warning(
                "Celery's broker lives in this process's memory, where no worker can see it.",
                hint="Set CELERY_BROKER_URL to a Redis or RabbitMQ server.",
                id="twocheckout.W001",
            )
        )
    if current_app.conf.task_always_eager:
        messages.append(
            checks.Warning(
                "Celery runs tasks at once, so every save talks to 2Checkout inside the request.",
                hint="Leave CELERY_TASK_ALWAYS_EAGER to tests.",
                id="twocheckout.W002",
            )
        )
    return messages


def check_broker(app_configs: object = None, **kwargs: object) -> list[CheckMessage]:
    """W005, with ``check --deploy``: the broker does not answer, or refuses."""
    if not uses_celery() or current_app.conf.task_always_eager or not (words := reach_broker()):
        return []
    hint = "Saves cost a second at the most meanwhile, and the rows wait for the sweep. Start it, or mend the settings."
    return [checks.Warning(f"Celery's broker cannot be reached: {words}.", hint=hint, id="twocheckout.W005")]


def check_sweep(app_configs: object = None, **kwargs: object) -> list[CheckMessage]:
    """W003 and W004: the project has no Celery app, or no schedule of its runs the sweep.

    With another DISPATCH, cron or the other queue's schedule runs it, and the admin says if it is late.
    """
    if not uses_celery():
        return []
    app = app_or_default()
    if isinstance(app.loader, DefaultLoader):
        hint = (
            "Make one in the project's celery.py, with config_from_object() and autodiscover_tasks(), and import it in "
            "the __init__.py beside it, as Celery's “First steps with Django” shows."
        )
        return [checks.Warning("The project has no Celery app.", hint=hint, id="twocheckout.W003")]
    if words := unreadable(app):
        return [checks.Warning(f"{words}.", hint="Mend it: no worker can be woken.", id="twocheckout.W003")]
    elsewhere = not str(app.conf.beat_scheduler).startswith("celery.beat")
    if elsewhere or apps.is_installed("django_celery_beat") or _has_sweep(app):
        return []
    return [_no_sweep()]


def _has_sweep(app: Celery) -> bool:
    """Whether Celery's own schedule runs the sweep."""
    entries = (app.conf.beat_schedule or {}).values()
    return SWEEP in (entry.get("task") if isinstance(entry, Mapping) else entry.task for entry in entries)


def _no_sweep() -> CheckMessage:
    hint = (
        "Set CELERY_BEAT_SCHEDULE = {**BEAT_SCHEDULE}, with BEAT_SCHEDULE of django_twocheckout.schedule, and run beat."
        " If cron runs “manage.py twocheckout_push”, or something else does, silence this with SILENCED_SYSTEM_CHECKS."
    )
    return checks.Warning(
        "No schedule runs the sweep, and it alone pushes what was saved while the broker was away.",
        hint=hint,
        id="twocheckout.W004",
    )


def check_sweep_in_database(
    app_configs: object = None, databases: Sequence[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """W004 of a schedule in the database (django-celery-beat), with ``check --database``."""
    app = app_or_default()
    if not uses_celery() or not databases or not apps.is_installed("django_celery_beat"):
        return []
    if unreadable(app) or _has_sweep(app):
        return []  # beat copies its entries of the settings into the database
    tasks = import_module("django_celery_beat.models").PeriodicTask
    try:
        for database in databases:
            if tasks._meta.db_table not in connections[database].introspection.table_names():
                return []  # not migrated yet
            if tasks._default_manager.using(database).filter(task=SWEEP, enabled=True).exists():
                return []
    except DatabaseError:
        return []  # Django's own words about the database come later
    return [_no_sweep()]


def check_managers(app_configs: object = None, **kwargs: object) -> list[CheckMessage]:
    """W006: a manager of a proxy or subclass of Customer whose bulk writes would not be pushed."""
    return [
        checks.Warning(
            f"What {model.__name__}.{manager.name} writes in bulk is not pushed to 2Checkout.",
            hint="Derive its queryset from CustomerQuerySet of django_twocheckout.models.",
            obj=model,
            id="twocheckout.W006",
        )
        for model in apps.get_models()
        if issubclass(model, Customer)
        for manager in model._meta.managers
        if not isinstance(manager.get_queryset(), CustomerQuerySet)
    ]


def check_mirrors(app_configs: object = None, **kwargs: object) -> list[CheckMessage]:
    """E010: a mirror whose link is no nullable OneToOneField to Customer. E011: a second mirror of a model."""
    wrong = [
        Error(
            f"The mirror {mirror.name} cannot work: {mirror.mistake}.",
            hint=f"{mirror.link} = models.OneToOneField(Customer, null=True, editable=False, on_delete=…)",
            obj=mirror.model,
            id="twocheckout.E010",
        )
        for mirror in registered()
        if mirror.mistake
    ]
    second = [
        Error(
            f"{mirror.model._meta.label} has two mirrors, and {mirror.name} is the second.",
            hint="A model has one mirror: let one function return all fields.",
            obj=mirror.model,
            id="twocheckout.E011",
        )
        for mirror in second_mirrors()
    ]
    return [*wrong, *second]


def check_caches(app_configs: object = None, **kwargs: object) -> list[CheckMessage]:
    """W007 and W008: django-cachalot or django-cacheops answers for our tables, with states that are old."""
    models = list(apps.get_app_config("twocheckout").get_models())
    messages: list[CheckMessage] = []
    if apps.is_installed("cachalot"):
        is_cachable = import_module("cachalot.utils").is_cachable
        enabled = import_module("cachalot.settings").cachalot_settings.CACHALOT_ENABLED
        if enabled and any(is_cachable(model._meta.db_table) for model in models):
            hint = 'Add "twocheckout" to CACHALOT_UNCACHABLE_APPS, such as CACHALOT_UNCACHABLE_APPS = ("twocheckout",).'
            messages.append(_cached("django-cachalot", hint, "twocheckout.W007"))
    if apps.is_installed("cacheops"):
        cacheops = import_module("cacheops.conf")
        profiles = [cacheops.model_profile(model) for model in models]
        if cacheops.settings.CACHEOPS_ENABLED and any(profile and profile["ops"] for profile in profiles):
            hint = 'Add "twocheckout.*": None to CACHEOPS.'
            messages.append(_cached("django-cacheops", hint, "twocheckout.W008"))
    return messages


def check_algorithms(app_configs: object = None, **kwargs: object) -> list[CheckMessage]:
    """W009: an account accepts notifications that are signed with MD5."""
    try:
        weak = [alias for alias in conf.aliases() if "md5" in conf.of(alias).NOTIFICATION_ALGORITHMS]
    except ConfigurationError:
        return []  # E006 says so
    hint = "Let 2Checkout sign with SHA3: Control Panel, Integrations, Webhooks & API, the webhook's hash algorithm."
    return [
        checks.Warning(f"Account {alias!r} accepts notifications signed with MD5.", hint=hint, id="twocheckout.W009")
        for alias in weak
    ]


def check_addresses(app_configs: object = None, **kwargs: object) -> list[CheckMessage]:
    """I001, with ``check --deploy``: the addresses to enter at 2Checkout, where the project includes our urls."""
    try:
        paths = [path for alias in conf.aliases() for path in addresses(alias)]
    except ConfigurationError:
        return []
    to_enter = ", ".join(f"https://{public_host() or '<your host>'}{path}" for path in paths)
    hint = "Control Panel, Integrations, Webhooks & API. “Notifications” in the README names the fields to tick."
    message = checks.Info(f"Addresses to enter at 2Checkout: {to_enter}", hint=hint, id="twocheckout.I001")
    return [message] if paths else []


def _cached(package: str, hint: str, identifier: str) -> CheckMessage:
    return checks.Warning(
        f"{package} keeps answers about customers, and the workers need what the database has now.",
        hint=hint,
        id=identifier,
    )
