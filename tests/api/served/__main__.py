from __future__ import annotations

import itertools
import os
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

from django_twocheckout.testing import FAULTS, FakeTwoCheckout

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.api.served.settings"
django.setup()

from django.contrib.auth.models import User  # noqa: E402

from django_twocheckout import sync  # noqa: E402
from django_twocheckout.models import Account, Customer  # noqa: E402

from ...customers import ADA  # noqa: E402

#: What a vendor in trouble does, in turn. One that hangs would only make a tool wait.
TROUBLE = [None, *(name for name in FAULTS if not name.startswith("hang"))]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Nothing."""


def fill(vendor: FakeTwoCheckout) -> None:
    """Make the person, customers that 2Checkout has, each with a card, and others."""
    call_command("migrate", verbosity=0)
    User.objects.create_superuser("schema", password="schema")
    for number in range(6):
        customer = Customer.objects.create(**ADA | {"last_name": f"Row {number}"})
        if number < 4:
            sync.push(customer)
            vendor.add_card(str(customer.customer_reference), "Visa", "1111")


def in_trouble(application, vendor):
    """The project, with a fault at each request, and no pause that lasts."""
    faults = itertools.cycle(TROUBLE)

    def serve(environ, start_response):
        Account.objects.update(open_until=None, opened_at=None, unanswered=0)
        vendor.heal()
        if fault := next(faults):
            vendor.fail(fault, times=3)
        return application(environ, start_response)

    return serve


def main(port: int, *, failing: bool) -> None:
    with FakeTwoCheckout().serve() as vendor:
        settings.TWOCHECKOUT |= {"BASE_URL": vendor.url, "PUSH_ON_SAVE": False}
        fill(vendor)
        application = get_wsgi_application()
        if failing:
            application = in_trouble(application, vendor)
        with make_server("127.0.0.1", port, application, Server, QuietHandler) as server:
            sys.stdout.write(f"http://127.0.0.1:{port}/schema/\n")
            sys.stdout.flush()
            server.serve_forever()


main(int(sys.argv[1]), failing="--failing" in sys.argv)
