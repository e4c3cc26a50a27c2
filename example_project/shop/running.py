"""What the demo runs beside the web server: the fake vendor, and a Celery worker in this very process."""

import threading
import time
from contextlib import ExitStack, contextmanager

from celery.beat import EmbeddedService, Scheduler
from celery.worker import WorkController
from django.conf import settings
from project.celery import app

from django_twocheckout import dispatch, tasks
from django_twocheckout.testing import FakeTwoCheckout

from . import vendor


@contextmanager
def fake_vendor(port=0):
    """Serve a fake 2Checkout and point the app's settings at it."""
    fake = FakeTwoCheckout(settings.TWOCHECKOUT["MERCHANT_CODE"], settings.TWOCHECKOUT["SECRET_KEY"])
    with fake.serve(port):
        settings.TWOCHECKOUT["BASE_URL"] = fake.url
        fake.behaviour.custom_domain = fake.url.partition("/rest/")[0]  # its shoppers' pages are served beside its API
        vendor.current = fake
        try:
            yield fake
        finally:
            vendor.current = None


@contextmanager
def worker_thread():
    """Run a Celery worker and its beat in threads of this process: with the memory broker no other could hear them."""
    app.loader.import_default_modules()
    worker = WorkController(
        app=app,
        hostname="demo@localhost",
        pool_cls="threads",
        concurrency=2,
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
        quiet=True,
    )
    thread = threading.Thread(target=worker.start, name="celery", daemon=True)
    beat = EmbeddedService(app, max_interval=0.5, thread=True, scheduler_cls=Scheduler)
    thread.start()
    beat.start()
    dispatch.enqueue(tasks.push_pending)  # what "celery worker" does when it is ready
    try:
        yield worker
    finally:
        beat.stop()
        worker.stop()
        thread.join(10)


@contextmanager
def everything(tell, prepare=lambda fake: None):
    """Vendor and worker, as the environment asks for; *tell* hears what a person has to do.

    *prepare* is called with the vendor before the worker is there.
    """
    embedded = settings.CELERY_BROKER_URL.startswith("memory:")
    with ExitStack() as stack:
        fake = stack.enter_context(fake_vendor(0 if embedded else 8600))
        prepare(fake)
        if embedded:
            stack.enter_context(worker_thread())
        else:
            tell("A broker is set, so the worker is yours to start, in example_project/ and with the same environment:")
            tell(f"  TWOCHECKOUT_BASE_URL={fake.url} celery -A project worker -B -l info")
            tell("Waiting for it …")
            while not app.control.ping(timeout=1):
                time.sleep(0.5)
            tell("… it is there.")
        yield fake
