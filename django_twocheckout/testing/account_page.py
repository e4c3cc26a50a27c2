"""The page of a shopper's account to which a single sign-on link leads: it shows who is signed in, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from .answers import Answer
from .store import Store

PATH = "/myaccount/"

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><link rel="icon" href="data:,"><title>A shopper's account</title></head>
<body><h1>A shopper's account at the fake 2Checkout</h1><p>{}</p></body>
</html>
"""


def answer(store: Store, path: str, query: Mapping[str, str]) -> Answer:
    """The page for the customer with the link's token: 403 if the token is unknown or too old."""
    customer = store.signed_on(query.get("logintoken", ""))
    if customer is None:
        return _page(403, "This link is no longer valid.")
    name = path.removeprefix(PATH).strip("/")
    return _page(200, f"Signed in as customer {customer.reference}. The page is {name}.")


def _page(status: int, words: str) -> Answer:
    headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
    return Answer(status, _PAGE.format(escape(words)).encode(), headers)
