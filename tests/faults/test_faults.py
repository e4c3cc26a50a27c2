"""A few schedules of faults, on every database and every broker at least once; only where FAULT_TESTS=1 asks for them.

Each runs in processes of its own: nothing of pytest's settings, sockets or databases reaches it.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest

from django_twocheckout.flows import jobs
from django_twocheckout.models import NO_JOB, Ask, Customer, Job, Verb
from django_twocheckout.testing import Fault

from ..customers import ADA
from . import services
from .schedule import COMBINATIONS, OUTAGES, plan
from .strangers import PUSHED, Strangers
from .vendor import WatchedVendor, listening
from .verify import Journals, Verification
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
    assert faults >= world | {"clocks-apart", "refused", "hang", "hang-after-commit", "account-refused", *OUTAGES}


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_about_a_third_of_the_seeds_has_two_accounts(combination):
    plans = [chosen for chosen in map(plan, range(300)) if (chosen.database, chosen.broker) == combination]
    two = [chosen for chosen in plans if len(chosen.accounts) == 2]
    assert len(plans) / 5 < len(two) < len(plans) / 2
    assert all(("account-refused" in chosen.faults) == (chosen in two) for chosen in plans)


def test_about_half_of_the_seeds_notifies():
    assert 120 < sum(plan(seed).notified for seed in range(300)) < 180
    assert {plan(seed, *COMBINATIONS[seed]).notified for seed in range(6)} == {True, False}


@pytest.mark.parametrize(
    ("writes", "newest"),
    [
        ([(1, 2, "a"), (3, 4, "b")], {"b"}),
        ([(3, 4, "b"), (1, 2, "a")], {"b"}),
        ([(1, 4, "a"), (2, 3, "b")], {"a", "b"}),
        ([(1, 2, "a"), (3, 6, "b"), (4, 5, "c")], {"b", "c"}),
        ([(1, 2, "a"), (3, None, "b")], {"a", "b"}),
        ([(1, None, "a"), (3, 4, "b")], {"a", "b"}),
    ],
)
def test_the_newest_value_is_of_a_write_that_none_followed(tmp_path, writes, newest):
    files = []
    for began, ended, value in writes:  # each by another writer
        files.append(tmp_path / value)
        state = {"state": "uncertain", "error": ""} if ended is None else {"state": "committed", "ended": ended}
        files[-1].write_text(json.dumps({**state, "began": began, "values": [["row 001", "city", value]]}))
    assert Journals(files).values == {("row 001", "city"): newest}


def test_what_was_rolled_back_is_no_value(tmp_path):
    file = tmp_path / "journal"
    file.write_text(json.dumps({"state": "rolled back", "values": [["row 001", "city", "x"]]}))
    assert (Journals([file]).values, Journals([file]).rolled_back) == ({}, {"x"})


@pytest.mark.parametrize("seed", range(20))
def test_tools_bring_back_the_values_that_they_tell(db, seed):
    """And none of them tells the row that it is pushed."""
    tools = Strangers(random.Random(seed))
    ada = Customer.objects.create(**ADA, address2="row 001")
    tools.keep(Customer.objects.get())
    Customer.objects.update(city="Paris", phone="555")
    tools.keep(Customer.objects.get())
    Customer.objects.update_unmarked(sync_state="synced", city="Rome", lease="another's")
    write, values = tools.write()
    write()
    row = Customer.objects.get(pk=ada.pk)
    assert {(name, value) for _row, name, value in values} == {(name, getattr(row, name)) for name in PUSHED}
    assert (row.sync_state, row.lease) == ("pending", "another's")


@pytest.fixture
def verification(db):
    def make():
        made = Verification(plan(0), WatchedVendor(), Journals([]), [], [])
        made.by_row = defaultdict(list)
        made.check_queue()
        made.check_jobs()
        return made.findings.stuck

    return make


def test_a_queue_in_which_all_has_ended_is_right(verification):
    job = jobs.begin(Verb.PULL, [Customer.objects.create(**ADA, address2="row 001").pk])
    Ask.objects.update(outcome="done", due_at=None)
    Job.objects.update(ended_at=job.asked_at)
    assert verification() == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: Ask.objects.update(outcome="", due_at=None),
        lambda: Ask.objects.update(outcome="failed", reason="No."),
        lambda: Ask.objects.update(outcome="stopped"),
        lambda: Ask.objects.update(job=NO_JOB),
        lambda: Ask.objects.all().delete(),
        lambda: Job.objects.update(ended_at=None),
        lambda: Job.objects.update(total=2),
    ],
    ids=["open", "failed", "stopped", "done-and-there", "deleted", "not-ended", "total"],
)
def test_whatever_waits_in_the_queue_is_found(verification, spoil):
    job = jobs.begin(Verb.PULL, [Customer.objects.create(**ADA, address2="row 001").pk])
    Ask.objects.update(outcome="done", due_at=None)
    Job.objects.update(ended_at=job.asked_at)
    spoil()
    assert verification() != []


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


def test_a_request_whose_client_left_before_it_was_seen_is_late(watched):
    vendor, port = watched
    with vendor._watch:  # as if this machine had no time for us
        assert ask(port, 0.3) == b""
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(ask, port, 5)
            time.sleep(0.2)
            vendor._watch.release()
            assert b"401" in waiting.result()
            vendor._watch.acquire()
    services.wait_until(lambda: len(vendor.log) == 2, "both seen", 5)
    assert sorted((request.late, request.given_up) for request in vendor.log) == [(False, False), (True, True)]


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
