"""Starts the whole shop on one machine with nothing installed but Python: ``manage.py demo``."""

import contextlib
import signal
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import BaseCommand, call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler, get_internal_wsgi_application
from django.db import connection

from shop import running, seed, shoppers
from shop.story import Story

LOGIN = ("admin", "admin")


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format, *args):
        """The demo prints its own lines."""


class Command(BaseCommand):
    help = "Run the shop with a fake 2Checkout: the web server, or with --headless the same job told step by step."
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("--headless", action="store_true", help="don't serve; exit 0 if all went right, else 1")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000, help="0 for one that is free")

    def handle(self, *, headless, host, port, **options):
        prepare = {} if headless else {"prepare": self.prepare}
        with self.fresh_database(headless), running.everything(self.say, **prepare) as fake:
            if headless:
                ended_well = Story(fake, self.say).tell()
                self.say("\nEverything is as it should be." if ended_well else "\nSomething is not as it should be.")
            else:
                self.serve(host, port, fake)
                ended_well = True
        sys.exit(0 if ended_well else 1)

    def prepare(self, fake):
        seed.sow(fake)
        shoppers.arrive(fake, shoppers.SHOPPERS)

    def say(self, text):
        self.stdout.write(text)
        self.stdout.flush()

    @contextlib.contextmanager
    def fresh_database(self, headless):
        """The fake vendor forgets everything when it ends, so its SQLite counterpart starts empty too."""
        with contextlib.ExitStack() as stack:
            if connection.vendor == "sqlite":
                path = Path(settings.DEMO_DATABASE)
                if headless:
                    path = Path(stack.enter_context(TemporaryDirectory()), "demo.sqlite3")
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{path}{suffix}").unlink(missing_ok=True)
                connection.settings_dict["NAME"] = str(path)
            call_command("migrate", verbosity=0)
            call_command("check")
            users = get_user_model().objects
            if not users.filter(username=LOGIN[0]).exists():
                users.create_superuser(LOGIN[0], "", LOGIN[1])
            try:
                yield
            finally:
                connection.close()

    def serve(self, host, port, fake):
        server = self.listen(host, port)
        server.set_app(StaticFilesHandler(get_internal_wsgi_application()))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *args: threading.Thread(target=server.shutdown).start())
        host, port = server.server_address[:2]
        self.say(f"The shop   http://{host}:{port}/")
        self.say(f"The admin  http://{host}:{port}/admin/twocheckout/customer/   login {LOGIN[0]}, password {LOGIN[1]}")
        for reference in seed.only_there(fake)[:1]:
            self.say(f"Only 2Checkout has customer {reference}: the admin can add it from there.")
        self.say(f"2Checkout had {shoppers.SHOPPERS} customers before: http://{host}:{port}/import/ takes them over.")
        self.say(f"It sends its notifications to http://{host}:{port}/2checkout/lcn/ and …/ipn/.")
        self.say("Ctrl-C ends it.")
        server.serve_forever(0.2)
        server.server_close()

    def listen(self, host, port):
        try:
            return ThreadedWSGIServer((host, port), QuietHandler, ipv6=False)
        except OSError:
            self.say(f"Port {port} is taken, so another one it is.")
            return ThreadedWSGIServer((host, 0), QuietHandler, ipv6=False)
