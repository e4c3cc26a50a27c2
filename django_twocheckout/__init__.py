"""Keeps the customers of a Django project in step with 2Checkout: save one, and 2Checkout has it."""

__version__ = "0.1.0"
