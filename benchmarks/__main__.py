"""``python -m benchmarks``: measures everything, and writes a table, a plot and the raw figures.

Needs Redis and RabbitMQ on this machine (BENCHMARK_REDIS_URL, default database 7; BENCHMARK_RABBITMQ_URL), openssl, and
PostgreSQL's programs for a cluster of its own, or a server (BENCHMARK_POSTGRES_URL).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from .lab import Lab
from .report import write

HERE = Path(__file__).resolve().parent
#: By name, the module.
MEASURES = {
    **{name: name for name in ("save", "broker", "rate", "saves", "latency", "backfill", "jobs", "mirrors")},
    **{name: name for name in ("memory", "scale")},
    "import": "importing",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", default=",".join(MEASURES), help=f"of {', '.join(MEASURES)}, with commas between")
    parser.add_argument("--quick", action="store_true", help="less of everything: some minutes, and more noise")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where the results go")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="of TWOCHECKOUT, for the workers of ours"
    )
    given = parser.parse_args()
    chosen = given.only.split(",")
    if unknown := set(chosen) - set(MEASURES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    engine = {key: json.loads(value) for key, _, value in (text.partition("=") for text in given.set)}

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started must end, and the results be kept
    begun, load, rows = time.monotonic(), os.getloadavg()[0], []
    lab = Lab(quick=given.quick, engine=engine)
    try:
        for name in chosen:
            before = len(rows)
            try:
                rows.extend(import_module(f"{__package__}.measures.{MEASURES[name]}").run(lab))
            except Exception:
                rows.append(lab.failed(name))
            finally:
                for row in rows[before:]:
                    row.part = name
    except KeyboardInterrupt:
        rows.append(lab.failed("interrupted; the rest"))
    finally:
        seconds = time.monotonic() - begun
        write(given.out, rows, lab.raw, facts(given.quick, seconds, load, engine), lab.texts)
        lab.close()
    print((given.out / "results.md").read_text())
    return 1 if lab.failures else 0


def facts(quick: bool, seconds: float, load: float, engine: dict[str, Any]) -> dict[str, Any]:
    described = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True)
    found = {"revision": described.stdout.strip(), "took": f"{seconds / 60:.1f} min{', quick' if quick else ''}"}
    found["load when it began"] = f"{load:.1f}{'; others were at work, so trust little of this' if load > 1 else ''}"
    return found | ({"settings": json.dumps(engine)} if engine else {})


if __name__ == "__main__":
    sys.exit(main())
