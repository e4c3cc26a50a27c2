from __future__ import annotations

from django.conf import settings

# The packages' receivers would change every other test, so these run with settings of their own.
collect_ignore_glob = [] if "tests.compat" in settings.INSTALLED_APPS else ["test_*.py"]


def pytest_configure(config):
    # django-simple-history's own call, which Django 6.1 deprecates; ours are errors still.
    config.addinivalue_line("filterwarnings", r"ignore:Calling select_related\(\) with no arguments:Warning")
