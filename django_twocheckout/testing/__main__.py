"""Serves a fake 2Checkout until it is interrupted, and prints what it is asked.

POST requests to /_control/ beside the API steer it from another process: fault, heal, behaviour, edit, card, notify.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from contextlib import ExitStack
from typing import Any

from .vendor import FakeTwoCheckout

#: The signals that have asked this process to end.
_signals: list[int] = []


def main(arguments: list[str] | None = None) -> None:
    """Serve as the arguments say, until Ctrl-C; exit with a message if they are wrong, or the port is taken."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        switches = dict(map(_switch, options.switch))
        vendor = FakeTwoCheckout(options.merchant_code, options.secret_key, **switches)
    except ValueError as error:
        parser.error(str(error))
    with ExitStack() as stack:
        try:
            stack.enter_context(vendor.serve(options.port))
        except (OSError, OverflowError) as error:
            parser.error(f"port {options.port}: {getattr(error, 'strerror', None) or error}")
        _tell(vendor)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m django_twocheckout.testing", description=__doc__)
    parser.add_argument("--port", type=int, default=8600, help="0 for any free one (default: 8600)")
    parser.add_argument("--merchant-code", default="YOURCODE123")
    parser.add_argument("--secret-key", default="SECRET_KEY")
    parser.add_argument(
        "--switch", action="append", default=[], metavar="NAME=VALUE", help="a switch of Behaviour, such as put=merge"
    )
    return parser


def _tell(vendor: FakeTwoCheckout) -> None:
    """Print where it listens, then each request as it is answered, until Ctrl-C."""
    sys.stdout.write(
        f"A fake 2Checkout listens at {vendor.url}\n"
        f"MERCHANT_CODE={vendor.merchant_code} SECRET_KEY={vendor.secret_key}\nCtrl-C ends it.\n"
    )
    shown = 0
    try:
        while not _signals:
            sys.stdout.flush()
            time.sleep(0.1)
            for request in vendor.requests[shown:]:
                if request.ended is None:
                    break
                sys.stdout.write(f"{request}\n")
                shown += 1
    except KeyboardInterrupt:  # where main() was called by other code, which has its own signals
        pass


def _switch(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


if __name__ == "__main__":
    # Only remembered: an exception out of a second signal would interrupt the ending that the first one has begun.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: _signals.append(number))
    main()
