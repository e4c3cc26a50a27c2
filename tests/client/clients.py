"""Clients with each kind of session that a project may make."""

from __future__ import annotations

import requests
from requests.adapters import HTTPAdapter

from django_twocheckout.client import TwoCheckoutClient

from .data import CREDENTIALS


class WithPlainSession(TwoCheckoutClient):
    def create_session(self):
        return requests.Session()


class OwnAdapter(HTTPAdapter):
    pass


class WithOwnAdapter(TwoCheckoutClient):
    def create_session(self):
        session = super().create_session()
        session.mount(self.base_url, OwnAdapter(max_retries=0))
        return session


CLIENTS = [TwoCheckoutClient, WithPlainSession, WithOwnAdapter]


def client_of(server, made=TwoCheckoutClient, timeout=(0.3, 0.3)):
    return made(**CREDENTIALS, base_url=server.url, timeout=timeout)
