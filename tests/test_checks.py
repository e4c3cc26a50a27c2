from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import timedelta

import pytest
from celery import current_app
from django.apps import apps
from django.core.checks import run_checks
from django.db import models
from django.test.utils import isolate_apps

from django_twocheckout.checks import (
    check_addresses,
    check_algorithms,
    check_broker,
    check_managers,
    check_settings,
    check_sweep,
    check_worker,
)
from django_twocheckout.models import Customer, CustomerQuerySet
from django_twocheckout.schedule import BEAT_SCHEDULE

GOOD = {"MERCHANT_CODE": "A", "SECRET_KEY": "topsecret"}


def messages(settings, given):
    settings.TWOCHECKOUT = given
    return check_settings()


def ids(settings, given):
    return [message.id for message in messages(settings, given)]


def test_registered(settings):
    settings.TWOCHECKOUT = {}
    found = [message.id for message in run_checks(tags=["twocheckout"])]
    assert sorted(found) == ["twocheckout.E003", "twocheckout.E003", "twocheckout.W004"]
    found = {message.id for message in run_checks(tags=["twocheckout"], include_deployment_checks=True)}
    assert "twocheckout.W001" in found


def test_good_settings(settings):
    assert ids(settings, GOOD) == []
    assert ids(settings, {**GOOD, "TIMEOUT": (1, 2.5), "QUEUE": "billing", "CONFLICT": "remote"}) == []


@pytest.mark.parametrize("given", [None, [], "x"])
def test_no_dictionary(settings, given):
    assert ids(settings, given) == ["twocheckout.E001"]
    del settings.TWOCHECKOUT
    assert [message.id for message in check_settings()] == ["twocheckout.E001"]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("TIMEOT", "Did you mean 'TIMEOUT'?"),
        ("merchant_code", "Did you mean 'MERCHANT_CODE'?"),
        ("HASH_ALGORITM", "Did you mean 'HASH_ALGORITHM'?"),
        (17, "Known keys are MERCHANT_CODE"),
    ],
)
def test_unknown_key(settings, key, hint):
    [message] = messages(settings, {**GOOD, key: 1})
    assert message.id == "twocheckout.E002"
    assert message.hint.startswith(hint)


def test_worker(other_broker):
    assert [message.id for message in check_worker()] == ["twocheckout.W001"]
    other_broker("redis://localhost/0", task_always_eager=True)
    assert [message.id for message in check_worker()] == ["twocheckout.W002"]


def check_process(*arguments):
    """What ``check`` prints in a project with these settings and without a Celery app."""
    command = [sys.executable, "-m", "django", "check", "--settings", "tests.settings", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=os.path.dirname(os.path.dirname(__file__)))
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_sweep__no_celery_app():
    printed = check_process()
    assert "twocheckout.W003" in printed
    assert "The project has no Celery app." in printed
    assert "twocheckout.W004" not in printed


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ({}, ["twocheckout.W004"]),
        ({"beat_schedule": {"a": {"task": "shop.tasks.clean", "schedule": 60.0}}}, ["twocheckout.W004"]),
        ({"beat_schedule": BEAT_SCHEDULE}, []),
        (
            {"beat_schedule": {"b": {"task": "twocheckout.push_pending", "schedule": timedelta(minutes=5)}}},
            [],
        ),
        ({"beat_scheduler": "shop.beat:Scheduler"}, []),
    ],
)
def test_sweep(other_broker, conf, expected):
    other_broker("memory://", **conf)
    assert [message.id for message in check_sweep()] == expected


def test_sweep__added_by_code(other_broker):
    other_broker("memory://")
    app = current_app._get_current_object()
    app.add_periodic_task(60.0, app.signature("twocheckout.push_pending"))
    assert check_sweep() == []


def test_sweep__added_once_the_app_is_complete(other_broker):
    other_broker("memory://")

    def add(sender, **kwargs):
        sender.add_periodic_task(60.0, sender.signature("twocheckout.push_pending"))

    current_app.on_after_finalize.connect(add)
    assert check_sweep() == []


def test_sweep__unreadable_settings(other_broker):
    other_broker("memory://")
    current_app.config_from_object("tests.no_such_module", force=False)
    [message] = check_sweep()
    assert (message.id, "no_such_module" in message.msg) == ("twocheckout.W003", True)


@pytest.fixture
def silent_server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
@pytest.mark.parametrize("silent", [True, False])
def test_broker__unreachable(other_broker, silent_server, scheme, silent):
    other_broker(f"{scheme}://user:s3cret@127.0.0.1:{silent_server if silent else 9}//")
    [message] = check_broker()
    assert message.id == "twocheckout.W005"
    assert "s3cret" not in f"{message.msg} {message.hint}"
    assert "it does not answer" in message.msg


def test_broker__a_mistake(other_broker):
    other_broker("rediss3cret://user:pw@127.0.0.1:1/0")
    [message] = check_broker()
    assert "Celery has no such transport" in message.msg


def test_broker__none_needed(other_broker):
    assert check_broker() == []  # in memory
    other_broker("redis://127.0.0.1:9/0", task_always_eager=True)
    assert check_broker() == []


class Searchable(CustomerQuerySet):
    pass


@isolate_apps("tests.shop")
def test_managers(monkeypatch):
    class Good(Customer):
        objects = Searchable.as_manager()

        class Meta:
            proxy = True
            app_label = "shop"

    class Inherits(Customer):
        class Meta:
            proxy = True
            app_label = "shop"

    class Bad(Customer):
        objects = models.Manager()

        class Meta:
            proxy = True
            app_label = "shop"

    class BadChild(Customer):
        objects = models.Manager()
        plain = models.QuerySet.as_manager()

        class Meta:
            app_label = "shop"

    monkeypatch.setattr(apps, "get_models", lambda: [Customer, Good, Inherits, Bad, BadChild])
    messages = check_managers()
    assert [(message.id, message.obj.__name__) for message in messages] == [
        ("twocheckout.W006", "Bad"),
        ("twocheckout.W006", "BadChild"),
        ("twocheckout.W006", "BadChild"),
    ]
    assert "BadChild.plain" in messages[2].msg


def test_managers__of_the_suite():
    assert check_managers() == []


# Notifications.


def test_md5(configure):
    assert check_algorithms() == []
    configure(
        NOTIFICATION_ALGORITHMS=("sha256",),
        ACCOUNTS={"us": {"MERCHANT_CODE": "US", "SECRET_KEY": "K", "NOTIFICATION_ALGORITHMS": ["md5"]}},
    )
    [message] = check_algorithms()
    assert (message.id, message.msg) == (
        "twocheckout.W009",
        "Account 'us' accepts notifications signed with MD5.",
    )


@pytest.mark.parametrize("value", [(), "md5", ("sha1",), [1], {"md5": 1}, None])
def test_wrong_algorithms(configure, value):
    configure(NOTIFICATION_ALGORITHMS=value)
    assert [message.id for message in check_settings()] == ["twocheckout.E006"]
    assert check_algorithms() == []


@pytest.mark.parametrize(
    ("hosts", "host"), [(["*", ".example.com", "shop.example.com"], "shop.example.com"), ([], "<your host>")]
)
def test_addresses(configure, settings, hosts, host):
    settings.ALLOWED_HOSTS = hosts
    configure(ACCOUNTS={"us": {"MERCHANT_CODE": "US", "SECRET_KEY": "K"}})
    [message] = check_addresses()
    paths = ["ipn/", "lcn/", "ipn/us/", "lcn/us/"]
    assert message.msg == "Addresses to enter at 2Checkout: " + ", ".join(
        f"https://{host}/2checkout/{path}" for path in paths
    )
    settings.ROOT_URLCONF = "tests.admin.without_addresses"
    assert check_addresses() == []
