"""A PostgreSQL cluster of the benchmarks' own, where the binaries are on this machine: so no other load is counted.

Otherwise the server of BENCHMARK_POSTGRES_URL (a database "benchmark" is made in it); then the CPU of the database is
not said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil
import psycopg


class Postgres:
    def __init__(self, port: int) -> None:
        self.given = os.environ.get("BENCHMARK_POSTGRES_URL", "").rstrip("/")
        self.directory: Path | None = None
        if self.given:
            self.address = self.given
            return
        self.address = f"postgres://postgres@127.0.0.1:{port}"
        self.user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to be run by root
        self.directory = Path(tempfile.mkdtemp(prefix="benchmark-postgres-"))
        if self.user:
            shutil.chown(self.directory, self.user)
        data = str(self.directory / "data")
        self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-p {port} -c unix_socket_directories={self.directory} -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "-D", data, "-w", "-l", str(self.directory / "log"), "-o", options, "start")
        self.pid = int((Path(data) / "postmaster.pid").read_text().split()[0])

    def database(self, name: str) -> str:
        """Make this database anew and return its address."""
        with psycopg.connect(f"{self.address}/postgres", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        return f"{self.address}/{name}"

    def drop(self, name: str) -> None:
        with psycopg.connect(f"{self.address}/postgres", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def cpu(self) -> float | None:
        """CPU seconds of the server's processes so far, those of connections that were closed included."""
        if self.directory is None:
            return None
        postmaster = psutil.Process(self.pid)
        total = sum(postmaster.cpu_times()[:4])
        for backend in postmaster.children():
            try:
                total += sum(backend.cpu_times()[:2])
            except psutil.NoSuchProcess:
                continue
        return total

    def close(self) -> None:
        if self.directory is None:
            return
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.directory)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [_binary(program), *arguments], check=True, user=self.user, stdout=subprocess.DEVNULL, cwd=self.directory
        )


def _binary(program: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    path = shutil.which(program) or (str(found[-1]) if found else None)
    if path is None:
        raise SystemExit(f"{program} is not on this machine; set BENCHMARK_POSTGRES_URL to a server's address.")
    return path
