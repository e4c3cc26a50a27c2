"""Keeps the customers of a Django project in step with 2Checkout. A saved customer is pushed there."""

__version__ = "0.1.0"
