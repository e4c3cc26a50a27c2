"""A mixin for unittest: the vendor in a box beside each test of a project, as the pytest fixtures have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.test import override_settings

from ..conf import given
from ..testing import FakeTwoCheckout
from ..testing.project import eager_tasks, notify_by, settings_for

if TYPE_CHECKING:
    from django.test import SimpleTestCase as _Case
else:
    _Case = object


class TwoCheckoutMixin(_Case):
    """Gives each test ``self.twocheckout``, a fresh fake 2Checkout that the project's settings point at.

    ::

        class SignUp(TwoCheckoutMixin, TestCase):
            twocheckout_eager = True

            def test_pushed(self):
                with self.captureOnCommitCallbacks(execute=True):
                    self.client.post("/sign-up/", {...})
                self.twocheckout.assert_pushed(Customer.objects.get())

    It stands before the class of Django. With ``twocheckout_eager = True`` tasks run at the commit, in this process: a
    ``TransactionTestCase`` commits, a ``TestCase`` runs them within ``captureOnCommitCallbacks(execute=True)``.
    Otherwise what saves do follows the project's Celery settings, as with the fixture ``twocheckout``.
    """

    #: Whether each save is at the vendor once it is committed.
    twocheckout_eager: ClassVar[bool] = False
    twocheckout: FakeTwoCheckout

    def setUp(self) -> None:
        self.twocheckout = self.enterContext(FakeTwoCheckout().serve())
        values = settings_for(self.twocheckout, given(), eager=self.twocheckout_eager)
        self.enterContext(override_settings(TWOCHECKOUT=values))
        if self.twocheckout_eager:
            self.enterContext(eager_tasks())
        notify_by(self.twocheckout, self.client)
        super().setUp()
