"""Makes the sessions of requests, and gives them guarded connections."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager, ProxyManager

from .. import __version__
from .log_filter import keep_addresses_out_of_logs
from .transport import GUARDED_POOLS

_USUAL_POOLS = PoolManager().pool_classes_by_scheme


def new_session(base_url: str) -> requests.Session:
    """A session with the proxies and certificates that the environment names."""
    session = requests.Session()
    session.headers["User-Agent"] = f"django-twocheckout/{__version__}"
    # requests looks proxies, certificates and netrc up again for every call, at a third of the call's cost.
    environment = session.merge_environment_settings(base_url, {}, None, None, None)
    session.trust_env = False
    session.proxies = environment["proxies"]
    session.verify = environment["verify"]
    keep_addresses_out_of_logs(base_url)
    return session


def guarded(session: requests.Session, base_url: str) -> requests.Session:
    """The same session with guarded connections and without a memory for cookies and answers.

    A transport adapter of the project's own keeps its connections where these are not urllib3's usual ones.
    """
    adapter = session.get_adapter(base_url)
    manager = getattr(adapter, "poolmanager", None)
    if type(adapter) is HTTPAdapter:
        session.mount(base_url, _GuardedAdapter())
    elif isinstance(manager, PoolManager) and manager.pool_classes_by_scheme is _USUAL_POOLS:
        _guard(manager)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["Accept"] = "application/json"  # 2Checkout answers nothing else
    # A project may have installed a cache for all its requests, and a pull must not be old.
    session.headers["Cache-Control"] = "no-store"
    return session


def _guard(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = GUARDED_POOLS


class _GuardedAdapter(HTTPAdapter):
    """The usual adapter, with guarded connections, for the one host of a base URL."""

    #: How the pool of connections was asked for last, and the pool.
    pool: tuple[object, Any] | None = None

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        asked = verify, proxies and dict(proxies), cert
        if self.pool is None or self.pool[0] != asked:
            self.pool = asked, super().get_connection_with_tls_context(request, verify, proxies, cert)
        return self.pool[1]

    def close(self) -> None:
        self.pool = None
        super().close()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: object) -> None:
        super().init_poolmanager(connections, maxsize, block, **options)
        _guard(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: object) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        if type(manager) is ProxyManager:  # a SOCKS proxy's has connections of its own kind
            _guard(manager)
        return manager
