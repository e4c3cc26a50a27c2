"""The limit: a bare ``requests`` loop with as many processes, threads and requests per push, and nothing else.

No database, no queue, no error handling. ``plain`` is a ``requests.Session`` per thread, used as its manual shows;
``tuned`` spares what ``requests`` looks up per call, as our client does. A few requests on each connection come before
the clock starts, as everybody's first steps do.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import sys
import threading

import psutil
import requests

from .customers import FIRST_REFERENCE, information
from .vendor import signature

WARM_UP = 5


def push(session: requests.Session, url: str, number: int, *, tuned: bool, reads: bool, writes: bool = True) -> None:
    url = f"{url}customers/{FIRST_REFERENCE + number}/"

    def headers() -> dict[str, str]:
        return {"X-Avangate-Authentication": signature(), "Accept": "application/json"}

    if reads:
        session.get(url, headers=headers(), timeout=30).json()
    if not writes:
        return
    if tuned:
        body = json.dumps(information(number)).encode()
        response = session.put(url, data=body, headers=headers() | {"Content-Type": "application/json"}, timeout=30)
    else:
        response = session.put(url, json=information(number), headers=headers(), timeout=30)
    assert response.json() is True


def work(given: argparse.Namespace, process: int, barrier: multiprocessing.Barrier) -> None:
    def loop(thread: int) -> None:
        session = requests.Session()
        if given.tuned:
            session.trust_env = False
            session.verify = os.environ.get("REQUESTS_CA_BUNDLE", True)
        everybody = given.processes * given.threads
        for _ in range(WARM_UP):
            push(session, given.url, thread, tuned=given.tuned, reads=given.reads, writes=not given.only_reads)
        barrier.wait()  # all are warm
        barrier.wait()  # and the vendor counts from here on
        for number in range(process * given.threads + thread, given.count, everybody):
            push(session, given.url, number, tuned=given.tuned, reads=given.reads, writes=not given.only_reads)

    threads = [threading.Thread(target=loop, args=(thread,)) for thread in range(given.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--processes", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--tuned", action="store_true")
    parser.add_argument("--reads", action="store_true")
    parser.add_argument("--only-reads", action="store_true")
    parser.add_argument("--vendor-port", type=int, required=True)
    given = parser.parse_args()
    given.reads |= given.only_reads
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(given.processes * given.threads + 1)
    processes = [fork.Process(target=work, args=(given, number, barrier)) for number in range(given.processes)]
    for process in processes:
        process.start()
    barrier.wait()
    control = http.client.HTTPConnection("127.0.0.1", given.vendor_port)
    control.request("POST", "/reset", "null")
    control.getresponse().read()
    before = sum(sum(psutil.Process(process.pid).cpu_times()[:2]) for process in processes)
    barrier.wait()
    for process in processes:
        process.join()
    json.dump({"cpu": sum(psutil.Process().cpu_times()[2:4]) - before}, sys.stdout)


if __name__ == "__main__":
    main()
