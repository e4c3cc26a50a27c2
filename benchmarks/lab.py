"""What a measurement needs around it: vendor, database, brokers, Django processes, workers; and their end."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import certifi
from kombu import Connection

from .child import Child
from .postgres import Postgres
from .report import Row
from .vendor import MERCHANT_CODE, SECRET_KEY
from .worker import IDLE_QUEUE, QUEUE, Worker

BROKERS = {
    "redis": os.environ.get("BENCHMARK_REDIS_URL", "redis://127.0.0.1:6379/7"),
    "rabbitmq": os.environ.get("BENCHMARK_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//"),
}


class VendorProcess:
    """The vendor's process, and what it counted."""

    def __init__(self, directory: Path) -> None:
        self.port, self.tls_port = free_port(), free_port()
        certificate, key = directory / "certificate.pem", directory / "key.pem"
        subject = ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        subprocess.run(
            ["openssl", "req", "-x509", *curve, *subject, "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )
        # With all the usual authorities in it: reading them is most of what a new connection costs.
        self.bundle = directory / "bundle.pem"
        self.bundle.write_text(Path(certifi.where()).read_text() + certificate.read_text())
        ports = ["--port", str(self.port), "--tls-port", str(self.tls_port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.vendor", *ports, "--certificate", str(certificate), "--key", str(key)],
            stdout=subprocess.PIPE,
            env=environment_of_ours(),
        )
        assert self.process.stdout
        self.process.stdout.readline()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port)

    def ask(self, path: str, body: Any = None) -> Any:
        self.connection.request("POST", path, json.dumps(body))
        return json.loads(self.connection.getresponse().read())

    def address(self, *, tls: bool = False) -> str:
        return f"https://127.0.0.1:{self.tls_port}/rest/6.0/" if tls else f"http://127.0.0.1:{self.port}/rest/6.0/"

    def await_writes(self, count: int, *, quiet: float = 30.0) -> dict[str, Any]:
        """Wait until so many customers were written to; an error if nothing comes for a while."""
        return self._await("customers", count, quiet)

    def await_reads(self, count: int, *, quiet: float = 30.0) -> dict[str, Any]:
        """Wait until so many GETs have come; an error if nothing comes for a while."""
        return self._await("GET", count, quiet)

    def _await(self, what: str, count: int, quiet: float) -> dict[str, Any]:
        last, since = -1, time.monotonic()
        while True:
            counts = self.ask("/counts")
            if counts[what] >= count:
                return counts
            if counts["requests"] != last:
                last, since = counts["requests"], time.monotonic()
            elif time.monotonic() - since > quiet:
                raise RuntimeError(f"only {counts[what]} of {count} came to the vendor ({what}): {counts}")
            time.sleep(0.1)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


class Lab:
    """One run's surroundings. Everything that it started ends with :meth:`close`."""

    def __init__(self, *, quick: bool, engine: Mapping[str, Any]) -> None:
        self.quick = quick
        self.engine = dict(engine)
        self.directory = Path(tempfile.mkdtemp(prefix="benchmarks-"))
        self.raw: dict[str, Any] = {}
        self.failures = 0
        #: What is shown below the table, by title.
        self.texts: dict[str, str] = {}
        self.databases: dict[str, str] = {}
        self.children: list[Child] = []
        self.vendor = VendorProcess(self.directory)
        self.postgres = Postgres(free_port())

    def log(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def failed(self, measure: str) -> Row:
        """Called while an exception is handled: the others are worth having all the same."""
        traceback.print_exc()
        self.failures += 1
        return Row(f"{measure}: could not be measured", None)

    def note(self, measure: str, **facts: Any) -> None:
        """Keep a raw figure for the results' JSON."""
        self.raw.setdefault(measure, []).append(facts)

    def database(self, name: str) -> str:
        """The address of a database made for this run: "sqlite", or one in PostgreSQL."""
        if name not in self.databases:
            sqlite = name == "sqlite"
            url = f"sqlite:///{self.directory / 'benchmark.sqlite3'}" if sqlite else self.postgres.database(name)
            self.databases[name] = url
            child = self.child(name, "redis")
            child.call("rows.migrate")
            child.close()
        return self.databases[name]

    def environment(self, database: str, broker: str, *, tls: bool = False, **engine: Any) -> dict[str, str]:
        """The environment of a Django process; *broker* is one of ours by name, or an address."""
        settings = {"MERCHANT_CODE": MERCHANT_CODE, "SECRET_KEY": SECRET_KEY, "BASE_URL": self.vendor.address(tls=tls)}
        # Only for TLS, for requests looks at such a path in each call.
        bundle = {"REQUESTS_CA_BUNDLE": str(self.vendor.bundle)} if tls else {}
        return environment_of_ours() | {
            **bundle,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "BENCHMARK_DATABASE_URL": self.database(database),
            "BENCHMARK_BROKER_URL": BROKERS.get(broker, broker),
            "BENCHMARK_TWOCHECKOUT": json.dumps({**settings, **engine, **self.engine}),
        }

    def child(self, database: str, broker: str, **engine: Any) -> Child:
        child = Child(self.environment(database, broker, **engine))
        self.children.append(child)
        return child

    @contextmanager
    def worker(
        self, database: str, broker: str, *, pool: str = "prefork", processes: int = 8, tls: bool = False, **engine: Any
    ) -> Iterator[Worker]:
        worker = Worker(self.environment(database, broker, tls=tls, **engine), pool=pool, processes=processes)
        try:
            yield worker
        finally:
            self.purge(broker)  # or it would first work off wake-ups that find nothing any more
            worker.stop()
            self.purge(broker)

    def purge(self, broker: str) -> None:
        """Nothing of one measurement is left for the next."""
        with Connection(BROKERS[broker]) as connection:
            for queue in (QUEUE, IDLE_QUEUE):
                try:
                    connection.default_channel.queue_purge(queue)
                except connection.channel_errors:
                    connection.close()  # a queue that was never made closes the channel

    def waiting(self, broker: str) -> int:
        """How many messages wait in the queue. No worker is there."""
        with Connection(BROKERS[broker]) as connection:
            return int(connection.default_channel.queue_declare(QUEUE, passive=True).message_count)

    def close(self) -> None:
        for child in self.children:
            child.close()
        for broker in BROKERS:
            try:
                with Connection(BROKERS[broker], connect_timeout=2) as connection:
                    channel = connection.default_channel
                    for queue in (QUEUE, IDLE_QUEUE):
                        channel.queue_delete(queue)
                        channel.exchange_delete(queue)
                    if broker == "redis":  # what kombu notes of them stays otherwise
                        for key in channel.client.keys(f"*{QUEUE}*"):
                            channel.client.delete(key)
            except Exception as error:  # not there, or not used
                self.log(f"{broker}: queues not deleted ({type(error).__name__})")
        if self.postgres.given:
            for name in self.databases.keys() - {"sqlite"}:
                self.postgres.drop(name)
        self.postgres.close()
        self.vendor.close()
        shutil.rmtree(self.directory)


def environment_of_ours() -> dict[str, str]:
    """The environment without proxies and certificates of this machine, and with this very checkout first."""
    dropped = ("_proxy", "_ca_bundle")
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith(dropped)}
    return kept | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
