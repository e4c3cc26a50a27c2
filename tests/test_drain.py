"""One worker's part of the work: side by side, in time, and with nothing left behind."""

from __future__ import annotations

import gc
import sys
import threading
import time
from dataclasses import replace

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from django_twocheckout import sync
from django_twocheckout.client import TwoCheckoutClient
from django_twocheckout.exceptions import AuthenticationFailed
from django_twocheckout.models import Customer
from django_twocheckout.sync import drain, ending, rows
from django_twocheckout.sync.connection import current_client
from django_twocheckout.sync.drain import Drain
from django_twocheckout.sync.exchange import Outcome

from .conftest import ADA


@pytest.fixture
def many(db):
    return [Customer.objects.create(**ADA, address2=f"row {number}") for number in range(30)]


def use(settings, **values):
    settings.TWOCHECKOUT = {**settings.TWOCHECKOUT, **values}


@pytest.fixture
def slow(monkeypatch):
    """Requests take a while; tells how many were under way at once, and in which threads."""
    under_way, most, threads = [0], [0], set()
    create, lock = TwoCheckoutClient.create_customer, threading.Lock()

    def spy(client, information):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            threads.add(threading.current_thread().name)
        try:
            time.sleep(0.01)
            return create(client, information)
        finally:
            with lock:
                under_way[0] -= 1

    monkeypatch.setattr(TwoCheckoutClient, "create_customer", spy)
    return most, threads


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("concurrency", [1, 4])
def test_side_by_side_and_no_more_than_asked_for(twocheckout, settings, slow, concurrency):
    use(settings, CONCURRENCY=concurrency, BATCH_SIZE=10)
    assert sync.push_pending().pushed == 30
    most, threads = slow
    assert most[0] == len(threads) == concurrency


@pytest.mark.usefixtures("many")
def test_nothing_is_left_behind(twocheckout):
    before = set(threading.enumerate())
    assert sync.push_pending().pushed == 30
    # What is new now is the fake vendor's: one thread for each connection that is still open.
    new = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("twocheckout")]
    assert new == []
    gc.collect()  # an unclosed socket would be a ResourceWarning, which is an error here


def test_a_row_that_is_alone_needs_no_thread(ada, twocheckout, slow):
    sync.push_pending()
    _most, threads = slow
    assert threads == {threading.current_thread().name}


@pytest.mark.usefixtures("many")
def test_statements_are_few(twocheckout, settings, django_assert_max_num_queries):
    use(settings, CONCURRENCY=30)
    with django_assert_max_num_queries(30):
        assert sync.push_pending().pushed == 30


@pytest.mark.usefixtures("many")
def test_threads_never_touch_the_database(twocheckout, monkeypatch):
    mine, seen = threading.get_ident(), set()

    def watch(execute, sql, params, many, context):
        seen.add(threading.get_ident())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        assert sync.push_pending().pushed == 30
    assert seen == {mine}


def test_the_first_is_not_kept_waiting_by_a_long_queue(many, twocheckout, settings):
    use(settings, BATCH_SIZE=5, CONCURRENCY=1)
    sync.push_due(many[-1].pk)
    assert twocheckout.customers[0]["Address2"] == "row 29"


@pytest.mark.usefixtures("many")
def test_time_that_is_up_leaves_the_rest(twocheckout, settings):
    use(settings, BATCH_SIZE=5)
    sweep = sync.push_pending(seconds=-1.0)
    assert (sweep.tried, sweep.more) == (0, True)
    assert Customer.objects.due().count() == 30


@pytest.mark.usefixtures("many")
def test_help_is_asked_for_once_where_there_is_more_than_a_portion(twocheckout, settings):
    asked = []
    use(settings, BATCH_SIZE=31)
    sync.push_pending(limit=1, on_backlog=lambda: asked.append("nobody can help with one"))
    use(settings, BATCH_SIZE=10)
    sync.push_pending(on_backlog=lambda: asked.append("backlog"))
    assert asked == ["backlog"]


@pytest.mark.usefixtures("many")
def test_progress_is_told(twocheckout):
    ended = []
    sync.push_pending(on_ended=ended.extend)
    assert len({claim.pk for claim, _outcome in ended}) == 30


class Killed(BaseException):
    pass


@pytest.mark.usefixtures("many")
def test_interrupted__what_was_begun_is_settled_and_the_rest_goes_back(twocheckout, settings, monkeypatch):
    use(settings, CONCURRENCY=2)
    end, calls = ending.end_pushes, []

    def interrupted(ended, **options):
        total = end(ended, **options)
        calls.append(len(ended))
        if len(calls) == 1:
            raise Killed
        return total

    customers = Customer.objects.all()

    def take(most):
        return rows.take(customers.due()[:most], to_push=True)

    monkeypatch.setattr("django_twocheckout.sync.drain.SETTLE_SECONDS", 0.0)
    drain = Drain(take, sync.exchange.push, current_client(), "default", end=interrupted)
    with pytest.raises(Killed):
        drain.run()
    assert 0 < len(twocheckout.customers) < 30
    assert Customer.objects.filter(sync_state="synced").count() == len(twocheckout.customers)
    assert Customer.objects.filter(lease_until=None).count() == 30
    assert Customer.objects.filter(sync_state="pending", in_doubt=[]).count() == 30 - len(twocheckout.customers)


def test_interrupted__a_row_alone_is_in_doubt(ada, twocheckout, monkeypatch):
    """As by SIGTERM, or by a task's time limit, in the middle of a request."""

    def interrupted(client, information):
        raise SystemExit

    monkeypatch.setattr(TwoCheckoutClient, "create_customer", interrupted)
    with pytest.raises(SystemExit):
        sync.push_pending()
    ada.refresh_from_db()
    assert (ada.sync_state, ada.lease_until, len(ada.in_doubt)) == ("pending", None, 1)


@pytest.mark.django_db(transaction=True)
def test_a_lost_database_connection_is_made_anew(twocheckout, monkeypatch):
    Customer.objects.create(**ADA)
    settle, lost = rows._settle_together, []

    def lose_connection(together):
        if not lost:
            lost.append(True)
            raise OperationalError("server closed the connection unexpectedly")
        return settle(together)

    monkeypatch.setattr(rows, "_settle_together", lose_connection)
    assert sync.push_pending().pushed == 1
    assert (lost, len(twocheckout.requests)) == ([True], 1)


def test_settled_together_and_each_with_what_is_its_own(many, twocheckout):
    """One statement for rows of which some were adopted, some were saved meanwhile, and some lost."""
    sync.push_pending()
    for customer in twocheckout.customers:
        twocheckout.edit(customer["CustomerReference"], Phone=f"55{customer['Address2'][4:]}")
    Customer.objects.update(city="Paris")
    claims = rows.take(Customer.objects.due(), to_push=True)
    ended = [(claim, sync.exchange.push(claim, current_client())) for claim in claims]
    Customer.objects.filter(pk=many[1].pk).update(city="Oslo")
    Customer.objects.filter(pk=many[2].pk).settle(lease="another worker's")
    Customer.objects.filter(pk=many[3].pk).delete()

    sweep = ending.end_pushes(ended)

    assert (sweep.pushed, sweep.changed) == (28, 1)
    for number, customer in enumerate(many):
        row = Customer.objects.filter(pk=customer.pk).first()
        expected = {
            1: ("pending", "Oslo", "", "Paris"),
            2: ("pending", "Paris", "", "London"),
        }.get(number, ("synced", "Paris", f"55{number}", "Paris"))
        if number == 3:
            assert row is None
        else:
            assert (row.sync_state, row.city, row.phone, row.acknowledged["city"]) == expected
    sync.push_pending()
    assert Customer.objects.get(pk=many[1].pk).phone == "551"


@pytest.mark.django_db
def test_raw_sql_in_flight_is_not_taken_for_acknowledged(twocheckout):
    for _ in range(2):
        Customer.objects.create(**ADA)
    claims = rows.take(Customer.objects.due(), to_push=True)
    ended = [(claim, sync.exchange.push(claim, current_client())) for claim in claims]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE twocheckout_customer SET city = 'Paris' WHERE id = %s", [claims[0].pk])
    ending.end_pushes(ended)
    assert list(sync.unseen()) == [claims[0].pk]


class Host:
    """The project, in a transaction of its own that writes these rows and does not end before it is told to."""

    def __init__(self, *pks):
        self.pks, self.writes, self.ends, self.error = pks, threading.Event(), threading.Event(), None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            with transaction.atomic():
                for pk in self.pks:
                    Customer.objects.filter(pk=pk).settle(fax="555")
                    self.writes.set()
                    self.ends.wait(20)
        except DatabaseError as error:
            self.error = error
        finally:
            connection.close()

    def __enter__(self):
        self.thread.start()
        assert self.writes.wait(20)
        return self

    def __exit__(self, *exc):
        self.ends.set()
        self.thread.join()


@pytest.fixture
def row_locks(transactional_db):
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("this database locks as a whole")


@pytest.mark.usefixtures("row_locks")
def test_a_row_that_the_project_is_writing_holds_up_no_other(twocheckout, settings, monkeypatch):
    use(settings, BATCH_SIZE=5, CONCURRENCY=2)
    keys = {c.external_customer_reference: c.pk for c in (Customer.objects.create(**ADA) for _ in range(20))}
    hosts, lock, create = [], threading.Lock(), TwoCheckoutClient.create_customer

    def create_and_lock(client, information):
        with lock:
            if not hosts:
                hosts.append(Host(keys[information["ExternalCustomerReference"]]))
                hosts[0].__enter__()
        return create(client, information)

    def end_when_the_others_are_done(_count):
        if Customer.objects.filter(sync_state="synced").count() == 19:
            hosts[0].ends.set()

    monkeypatch.setattr(TwoCheckoutClient, "create_customer", create_and_lock)
    sweep = sync.push_pending(on_ended=end_when_the_others_are_done)
    assert hosts[0].ends.is_set()
    hosts[0].__exit__()
    assert (sweep.pushed, Customer.objects.filter(sync_state="synced", fax="555").count()) == (20, 1)


@pytest.mark.usefixtures("row_locks")
def test_the_projects_transactions_are_never_the_victims(twocheckout):
    customers = [Customer.objects.create(**ADA) for _ in range(10)]
    with Host(customers[7].pk, customers[1].pk) as host:
        worker = threading.Thread(target=lambda: (sync.push_each([c.pk for c in customers]), connection.close()))
        worker.start()
        time.sleep(0.3)  # for the worker to come to the row that is locked
    worker.join()
    assert host.error is None
    assert Customer.objects.filter(sync_state="synced").count() == 10


class Stop(BaseException):
    """As by Ctrl-C, at any line."""


@pytest.mark.parametrize("count", [1, 4])
def test_interrupted__at_whatever_line_it_ends_and_only_a_lease_is_left(db, settings, monkeypatch, count):
    """A row may stay leased where the interrupt came between taking it and noting that: it comes back by itself."""
    use(settings, CONCURRENCY=2)
    monkeypatch.setattr("django_twocheckout.sync.drain.SETTLE_SECONDS", 0.02)
    customers = [Customer.objects.create(**ADA) for _ in range(count)]

    def talk(claim, client):
        return Outcome(str(1000 + claim.pk), [], base=dict(claim.local))

    def take(most):
        return rows.take(Customer.objects.due()[:most], to_push=True)

    def lines_of_the_drain(frame, event, argument):
        return at_line if frame.f_code.co_filename == drain.__file__ else None

    def at_line(frame, event, argument):
        nonlocal left
        left -= event == "line"
        if left == 0:
            sys.settrace(None)
            raise Stop
        return at_line

    stopped, number = True, 0
    while stopped:
        number += 1 if count == 1 else 5
        left, stopped = number, False
        Customer.objects.mark_pending()
        Customer.objects.settle(lease_until=None, in_doubt=[], customer_reference=None)
        one, before = Drain(take, talk, current_client(), "default"), sys.gettrace()
        sys.settrace(lines_of_the_drain)
        try:
            one.run()
        except Stop:
            stopped = True
        finally:
            sys.settrace(before)
        one.todo.put(None)
        for thread in one.threads:
            thread.join(5)
            assert not thread.is_alive()
    assert number > 40
    assert Customer.objects.filter(sync_state="synced", lease_until=None).count() == len(customers)


@pytest.mark.usefixtures("many")
def test_interrupted__a_row_that_is_being_written_is_settled_all_the_same(settings, monkeypatch):
    use(settings, CONCURRENCY=1, BATCH_SIZE=2)
    waited = []

    def end(ended, *, wait, **options):
        waited.append(wait)
        if wait or len(waited) == 1:
            return ending.end_pushes(ended, wait=wait, **options)
        return ending.Sweep(locked=list(ended))

    def interrupt(count):
        if len(waited) == 1:
            raise Killed

    def take(most):
        return rows.take(Customer.objects.due()[:most], to_push=True)

    def talk(claim, client):
        time.sleep(0.05)
        return Outcome(str(1000 + claim.pk), [], base=dict(claim.local))

    one = Drain(take, talk, current_client(), "default", end=end, on_ended=interrupt)
    with pytest.raises(Killed):
        one.run()
    assert Customer.objects.filter(lease_until=None).count() == 30


@pytest.mark.usefixtures("many")
def test_what_could_not_be_begun_goes_back_although_settling_failed(settings):
    use(settings, CONCURRENCY=1)

    def end(ended, **options):
        raise OperationalError

    def talk(claim, client):
        return Outcome(None, [], error=AuthenticationFailed("no", status=401))

    def take(most):
        return rows.take(Customer.objects.due()[:most], to_push=True)

    with pytest.raises(OperationalError):
        Drain(take, talk, current_client(), "default", end=end).run()
    assert Customer.objects.filter(lease_until=None).count() == 29


@pytest.mark.usefixtures("many")
def test_rows_that_were_taken_go_back_where_taking_more_fails(monkeypatch, twocheckout):
    take, calls = rows.take, []

    def second_fails(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise OperationalError
        return take(*arguments, **options)

    monkeypatch.setattr(rows, "take", second_fails)
    with pytest.raises(OperationalError):
        sync.push_due(Customer.objects.last().pk)
    assert Customer.objects.filter(lease_until=None, in_doubt=[]).count() == 30


@pytest.mark.usefixtures("many")
def test_what_went_back_and_was_pushed_after_all_is_not_left_to_do(twocheckout, settings, monkeypatch):
    use(settings, CONCURRENCY=1, BATCH_SIZE=10)
    take, gone_back, give_back = rows.take, [], rows.give_back

    def first_too_late(*arguments, **options):
        claims = take(*arguments, **options)
        return claims if gone_back else [replace(claim, begin_until=0.0) for claim in claims]

    monkeypatch.setattr(rows, "take", first_too_late)
    monkeypatch.setattr(rows, "give_back", lambda claims: (gone_back.extend(claims), give_back(claims)))
    sweep = sync.push_pending()
    assert gone_back
    assert (sweep.pushed, sweep.more) == (30, False)


@pytest.mark.usefixtures("many")
def test_side_by_side_also_where_they_are_taken_one_by_one(twocheckout, settings, slow):
    use(settings, CONCURRENCY=4, BATCH_SIZE=1)
    sync.push_pending()
    assert slow[0][0] > 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_threads_that_all_die_end_the_run(many, settings):
    use(settings, CONCURRENCY=1)

    def talk(claim, client):
        raise SystemExit

    def take(most):
        return rows.take(Customer.objects.due()[:most], to_push=True)

    with pytest.raises(RuntimeError):
        Drain(take, talk, current_client(), "default", limit=30).run()
    assert Customer.objects.filter(lease_until=None).count() == 30
