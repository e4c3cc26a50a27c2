"""Connections outlive the threads that used them, for a while, and never a fork."""

from __future__ import annotations

import os
import threading
import time

import pytest

from django_twocheckout.client import senders
from tests.raw_server import answer, serving

from .clients import client_of


def in_a_thread(act):
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


@pytest.fixture(autouse=True)
def _long(monkeypatch):
    monkeypatch.setattr(senders, "IDLE_SECONDS", 60.0)


@pytest.fixture
def server():
    def handler(visit):
        while visit.request():
            visit.send(answer(b"true"))

    with serving(handler) as server:
        yield server


@pytest.fixture
def client(server):
    return client_of(server, timeout=20)


@pytest.fixture
def push(client):
    def push_and_end(release=True):
        client.update_customer("1", {})
        if release:
            client.release()

    return push_and_end


def test_the_next_thread__takes_the_connection_of_an_ended_one(server, push):
    for _ in range(3):
        in_a_thread(push)

    assert server.visits == 1


def test_two_threads_at_once__have_a_connection_each(server, client, push):
    in_a_thread(push)
    at_once = threading.Barrier(2)

    def held():
        client._sender()
        at_once.wait(10)
        push()

    threads = [threading.Thread(target=held) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert server.visits == 2


def test_a_kept_connection__is_closed_after_a_while(monkeypatch):
    monkeypatch.setattr(senders, "IDLE_SECONDS", 0.05)
    closed = threading.Event()

    def handler(visit):
        while visit.request():
            visit.send(answer(b"true"))
        closed.set()

    with serving(handler) as server:
        client = client_of(server, timeout=20)
        in_a_thread(lambda: (client.update_customer("1", {}), client.release()))
        assert closed.wait(20)
        in_a_thread(lambda: (client.update_customer("1", {}), client.release()))

    assert server.visits == 2


def test_a_kept_connection__does_not_outlive_a_fork(server, client, push, monkeypatch):
    in_a_thread(push)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    in_a_thread(push)

    assert server.visits == 2


def test_a_connection_that_the_server_closed__is_replaced():
    visits = []

    def handler(visit):
        visits.append(visit)
        visit.request()
        visit.send(answer(b"true"))  # and closes

    with serving(handler) as server:
        client = client_of(server, timeout=20)
        for _ in range(3):
            in_a_thread(lambda: (client.update_customer("1", {}), client.release()))
            while visits[-1].sock.fileno() != -1:  # until it is closed
                time.sleep(0.01)

    assert server.visits == 3


def test_a_thread_that_cannot_be_started__closes_the_connection_at_once(server, client, push, monkeypatch):
    def refuse(timer):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Timer, "start", refuse)
        push()  # in this thread
    push()
    push()

    assert server.visits == 2


def test_release__twice_or_without_a_session(client):
    client.release()
    client._sender()
    client.release()
    client.release()
    client.close()
