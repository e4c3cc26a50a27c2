"""Addresses, credentials and bytes that several of these modules need."""

from __future__ import annotations

BASE = "https://api.2checkout.com/rest/6.0/"
CREDENTIALS = {"merchant_code": "YOURCODE123", "secret_key": "SECRET_KEY"}
CUSTOMER = b'{"CustomerReference": "1", "FirstName": "Ada"}'
#: Far more than any client here is given, and far less than a drip lasts.
SOON = 10.0

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
