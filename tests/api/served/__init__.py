"""A small project that serves the REST API before a fake 2Checkout, for tools that test an API from outside.

``python -m tests.api.served 8765`` serves until it is stopped; with ``--failing`` the fake is in trouble, each time in
another way. The schema is at ``/schema/``. Log in as ``schema`` with the password ``schema``.
"""
