"""The services of a run: brokers of its own, to be stopped, started and flushed, and a database on a shared server.

A broker's state is a directory with the process's id in it, so that one run may leave it to the next.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import amqp
import redis

POSTGRES_URL = os.environ.get("POSTGRES_URL", "postgres://root@127.0.0.1:5432/postgres")
MARIADB_URL = os.environ.get("MARIADB_URL", "mysql://root@127.0.0.1:3306/")
RABBITMQ = shutil.which("/usr/lib/rabbitmq/bin/rabbitmq-server") or shutil.which("rabbitmq-server")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_until(true: Callable[[], Any], what: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)


class Broker:
    """A broker process of our own on a port of its own."""

    kind = ""

    def __init__(self, home: Path) -> None:
        self.home = home / self.kind
        self.home.mkdir(parents=True, exist_ok=True)
        kept = self.home / "ports"
        if not kept.exists():
            kept.write_text(f"{free_port()} {free_port()}")
        self.port, self.other_port = map(int, kept.read_text().split())

    @property
    def url(self) -> str:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def environ(self) -> dict[str, str]:
        return {}

    def answers(self) -> bool:
        raise NotImplementedError

    def flush(self, queue: str) -> None:
        """Take away all messages that wait."""
        raise NotImplementedError

    def forget(self, queue: str) -> None:
        """Leave nothing of this run to the next."""
        self.flush(queue)

    def start(self) -> None:
        if self.answers():
            return
        with (self.home / "log").open("ab") as log:
            process = subprocess.Popen(
                self.command(),
                env=os.environ | self.environ(),
                cwd=self.home,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        (self.home / "pid").write_text(str(process.pid))
        wait_until(self.answers, f"{self.kind} on port {self.port}")

    def stop(self) -> None:
        """Stop it as a power cut would."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.killpg(int((self.home / "pid").read_text()), signal.SIGKILL)
        (self.home / "pid").unlink(missing_ok=True)


class Redis(Broker):
    kind = "redis"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        return ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]

    def _client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=1, socket_connect_timeout=1)

    def answers(self) -> bool:
        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def flush(self, queue: str) -> None:
        with contextlib.suppress(redis.RedisError), self._client() as client:
            client.flushall()


class RabbitMQ(Broker):
    kind = "rabbitmq"

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def command(self) -> list[str]:
        return [str(RABBITMQ)]

    def environ(self) -> dict[str, str]:
        (self.home / "plugins").write_text("[].")
        return {
            "HOME": str(self.home),  # where Erlang keeps its cookie
            "RABBITMQ_NODENAME": f"faults{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.other_port),
            "RABBITMQ_MNESIA_BASE": str(self.home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.home / "logs"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.home / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.home / "none"),
        }

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        with amqp.Connection(f"127.0.0.1:{self.port}", connect_timeout=1, read_timeout=2) as connection:
            yield connection.channel()

    def answers(self) -> bool:
        try:
            with self._channel():
                return True
        except (OSError, amqp.AMQPError):
            return False

    def flush(self, queue: str) -> None:
        with contextlib.suppress(OSError, amqp.AMQPError), self._channel() as channel:
            channel.queue_purge(queue)

    def forget(self, queue: str) -> None:
        with contextlib.suppress(OSError, amqp.AMQPError), self._channel() as channel:
            channel.queue_delete(queue)


BROKERS: dict[str, type[Broker]] = {"redis": Redis, "rabbitmq": RabbitMQ}


def database_urls(kind: str, name: str, home: Path) -> dict[str, str]:
    """The environment by which the project finds its database, and the one from where databases are made."""
    if kind == "sqlite":
        return {"FAULTS_DATABASE_URL": f"sqlite:///{home / (name + '.sqlite3')}"}
    admin = {"postgres": POSTGRES_URL, "mariadb": MARIADB_URL}[kind]
    return {"FAULTS_ADMIN_URL": admin, "FAULTS_DATABASE_URL": f"{admin.rpartition('/')[0]}/{name}"}


class Database:
    """The database of one run; uses Django's connections, so the project's settings must be loaded."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name

    def create(self) -> None:
        from django.core.management import call_command

        if self.kind != "sqlite":
            self._as_admin(f"create database {self.name}")
        call_command("migrate", verbosity=0)

    def drop(self) -> None:
        from django.db import connections

        connections.close_all()
        if self.kind == "postgres":
            self._as_admin(f"drop database if exists {self.name} with (force)")
        elif self.kind == "mariadb":
            self._as_admin(f"drop database if exists {self.name}")

    def cut(self) -> None:
        """Terminate all connections to it."""
        if self.kind == "postgres":
            self._as_admin(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{self.name}'")
        elif self.kind == "mariadb":
            found = self._as_admin(f"select id from information_schema.processlist where db = '{self.name}'")
            for (number,) in found:
                with contextlib.suppress(Exception):  # it may be gone by itself
                    self._as_admin(f"kill connection {number}")

    def lock(self, seconds: float) -> None:
        """Hold SQLite's one write lock."""
        from django.db import connection, transaction

        with contextlib.closing(connection), transaction.atomic():
            time.sleep(seconds)

    def _as_admin(self, statement: str) -> list[Any]:
        from django.db import connections

        with contextlib.closing(connections["admin"]) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
