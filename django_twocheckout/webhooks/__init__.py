"""The door for 2Checkout's notifications: reads the body, checks the signature, stores one row, answers the receipt.

``form`` and ``signature`` are pure. ``views`` has the views for ``django_twocheckout.urls``.
"""
