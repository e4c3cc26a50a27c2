"""A few schedules of faults, on every database and every broker at least once; only where FAULT_TESTS=1 asks for them.

Each runs in processes of its own: nothing of pytest's settings, sockets or databases reaches it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from django_twocheckout.testing import Fault

from . import services
from .schedule import COMBINATIONS, OUTAGES, plan
from .vendor import WatchedVendor, listening
from .workers import ROOT

ASKED_FOR = os.environ.get("FAULT_TESTS") == "1"


@pytest.mark.parametrize("seed", range(40))
def test_a_seed_is_a_schedule(seed):
    chosen = plan(seed)
    assert str(chosen) == str(plan(seed, chosen.database, chosen.broker))
    assert chosen.events
    assert (chosen.database, chosen.broker) == COMBINATIONS[seed % len(COMBINATIONS)]


def test_the_seeds_have_every_fault():
    faults = set().union(*(plan(seed).faults for seed in range(200)))
    world = {
        "worker-killed",
        "worker-frozen",
        "broker-stopped",
        "broker-flushed",
        "database-cut",
        "database-locked",
        "delivered-twice",
    }
    assert faults >= world | {"clocks-apart", "refused", "hang", "hang-after-commit", *OUTAGES}


@pytest.fixture
def watched():
    vendor, port = WatchedVendor(), services.free_port()
    with listening(vendor, port):
        yield vendor, port


def ask(port, patience):
    """Send a request, wait so long for the answer, and leave."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /rest/6.0/customers/dj-1/ HTTP/1.1\r\nHost: vendor\r\n\r\n")
        client.settimeout(patience)
        try:
            return client.recv(1000)
        except TimeoutError:
            return b""


def test_a_request_ends_when_its_client_gives_up(watched):
    vendor, port = watched
    vendor.fail(Fault(delay=2))
    assert ask(port, 0.3) == b""
    assert b"401" in ask(port, 5)
    given_up, answered = vendor.log
    assert given_up.given_up
    assert given_up.ended <= answered.began


def test_requests_of_two_who_wait_overlap(watched):
    vendor, port = watched
    vendor.fail(Fault(delay=0.3), times=2)
    with ThreadPoolExecutor() as pool:
        assert all(pool.map(ask, [port, port], [5, 5]))
    earlier, later = vendor.log
    assert later.began < earlier.ended


@pytest.mark.service
@pytest.mark.timeout(360)
@pytest.mark.skipif(not ASKED_FOR, reason="starts workers, brokers and databases: FAULT_TESTS=1 asks for it")
@pytest.mark.parametrize(("seed", "database", "broker"), [(seed, *COMBINATIONS[seed]) for seed in range(6)])
def test_faults(seed, database, broker):
    command = [sys.executable, "-m", "tests.faults", "--seed", str(seed), "--database", database, "--broker", broker]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
