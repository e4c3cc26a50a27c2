"""Turns what the libraries raise while they connect, send or wait into one of our exceptions."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import requests
from urllib3 import exceptions as urllib3_exceptions

from ..exceptions import ConnectionFailed, NoSecureConnection

#: A connection that ended or did not come about, whatever else an error may say.
_OF_THE_NETWORK = (ConnectionError, TimeoutError, ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
#: Certificates that do not verify, and files of certificates or keys that are wrong or cannot be read.
_OF_THE_MACHINE = (ssl.SSLError, urllib3_exceptions.SSLError, FileNotFoundError, PermissionError)


def connection_failure(route: str, error: Exception, sent: bool) -> ConnectionFailed:
    """The exception for a library's error. *sent*: whether anything was sent before it.

    The library's own text is left out. It quotes the address, and with it references and tokens.
    """
    text = f"{route}: {type(error).__name__}"
    causes = list(_causes(error))
    if any(isinstance(cause, _OF_THE_NETWORK) for cause in causes):
        return ConnectionFailed(text)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NoSecureConnection(f"{text}, {cause.verify_message}")
    # requests raises a plain OSError, in its own words, for a file of certificates or keys that does not exist.
    by_hand = isinstance(error, OSError) and not isinstance(error, requests.RequestException)
    of_the_settings = isinstance(error, ValueError) and not sent  # a proxy, an address or a header that cannot be read
    if by_hand or of_the_settings or any(isinstance(cause, _OF_THE_MACHINE) for cause in causes):
        return NoSecureConnection(text)
    return ConnectionFailed(text)


def forget_address(error: BaseException, address: str) -> None:
    """Take the address out of the texts of this error and of those behind it: references and tokens stand in it."""
    for cause in _causes(error):
        cause.args = tuple(
            argument.replace(address, "…") if isinstance(argument, str) else argument for argument in cause.args
        )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those behind it. Libraries keep them in several places."""
    found: set[int] = set()
    todo: list[object] = [error]
    while todo:
        cause = todo.pop()
        if isinstance(cause, BaseException) and id(cause) not in found:
            found.add(id(cause))
            todo += [cause.__cause__, getattr(cause, "reason", None), *cause.args]
            yield cause
