"""What will happen in a run: everything that chance decides, drawn from the seed before anything starts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from . import constants

DATABASES = ("sqlite", "postgres", "mariadb")
BROKERS = ("redis", "rabbitmq")
COMBINATIONS = [(database, broker) for broker in BROKERS for database in DATABASES]

#: Requests that go wrong, a few at a time.
MET_BY_REQUESTS = """
    reset-after-commit reset hang hang-after-commit 500 500-after-commit html-502 429 429-retry-after false half-body
    not-json
""".split()
#: Every request goes wrong, for a while.
OUTAGES = ["503", "401", "429", "html-502", "reset-after-commit"]
#: All workers at once.
ALL = 9


@dataclass(frozen=True)
class Event:
    at: float
    fault: str
    #: How long it goes on.
    seconds: float = 0
    #: How many requests meet it.
    times: int = 0
    #: Only requests with this method meet it.
    method: str | None = None
    #: Which worker, or ALL, or which rows, or which account.
    which: int = 0

    def __str__(self) -> str:
        details = {"for": f"{self.seconds:.1f} s", "times": self.times, "method": self.method, "which": self.which}
        given = {name: value for name, value in details.items() if value not in (0, None, "0.0 s")}
        return f"{self.at:5.2f} s  {self.fault} " + " ".join(f"{name}={value}" for name, value in given.items())


@dataclass(frozen=True)
class Plan:
    seed: int
    database: str
    broker: str
    rows: int
    writers: int
    #: The accounts that the rows belong to, in turn.
    accounts: list[str]
    #: Pool and number of processes or threads of each worker.
    pools: list[tuple[str, int]]
    #: Seconds by which each worker's clock is wrong.
    clocks: list[int]
    batch_size: int
    #: Rows whose fiscal code the vendor refuses: from the beginning; until repaired; only later.
    refused: list[int]
    switches: dict[str, object]
    #: Whether edits over there are told by signed notifications, or by asks alone.
    notified: bool = False
    #: Whether half of the writers save objects of the project, whose customers are mirrored.
    mirrored: bool = False
    events: list[Event] = field(default_factory=list)

    @property
    def faults(self) -> set[str]:
        return {event.fault for event in self.events} | ({"clocks-apart"} if any(self.clocks) else set()) | {"refused"}

    @property
    def command(self) -> str:
        return f"python -m tests.faults --seed {self.seed} --database {self.database} --broker {self.broker}"

    def __str__(self) -> str:
        workers = ", ".join(
            f"{pool} x {size} at {clock:+d} s" for (pool, size), clock in zip(self.pools, self.clocks, strict=True)
        )
        accounts = " and ".join(self.accounts)
        lines = [
            f"seed {self.seed}: {self.database}, {self.broker}, {self.rows} rows of {accounts}, {self.writers} writers"
            + (", half of mirrored objects" if self.mirrored else ""),
            f"  workers: {workers}; batches of {self.batch_size}",
            f"  vendor: {self.switches}; refuses rows {self.refused}" + ("; notifies" if self.notified else ""),
            *(f"  {event}" for event in self.events),
        ]
        return "\n".join(lines)


def plan(seed: int, database: str = "all", broker: str = "all") -> Plan:
    """The schedule of this seed; the same for every database and broker, but for what SQLite does not have."""
    chosen = COMBINATIONS[seed % len(COMBINATIONS)]
    database = chosen[0] if database == "all" else database
    broker = chosen[1] if broker == "all" else broker
    chance = random.Random(seed)
    rows = chance.randint(40, 60)
    pools = [("prefork", 2), chance.choice([("prefork", 2)] * 6 + [("threads", 4), ("solo", 1)])]
    apart = chance.random() < 0.2
    first = chance.choice([0, -60, -120])
    refused = chance.sample(range(rows), 3)
    switches = {
        "put": chance.choice(["replace", "merge"]),
        "blank_echo": chance.choice(["null", "empty", "absent"]),
        "create_answer": chance.choice(["number", "text", "object"]),
        "reference_as_number": chance.random() < 0.5,
    }
    batch_size = chance.choice([5, 10, 20, 100])
    events = _world(chance) + [_vendor(chance) for _ in range(chance.randint(6, 12))]
    accounts = _accounts(seed)
    if len(accounts) > 1:
        events.append(_refused_account(random.Random(f"{seed} refused account"), len(accounts)))
    return Plan(
        seed=seed,
        database=database,
        broker=broker,
        rows=rows,
        writers=4,
        accounts=accounts,
        pools=pools,
        clocks=[first, first + constants.CLOCKS_APART] if apart else [0, 0],
        batch_size=batch_size,
        refused=refused,
        switches=switches,
        notified=random.Random(f"{seed} notified").random() < 0.5,
        mirrored=random.Random(f"{seed} mirrored").random() < 0.5,
        events=sorted((_on(database, event) for event in events), key=lambda event: event.at),
    )


def _world(chance: random.Random) -> list[Event]:
    """What befalls workers, broker and database: two to five kinds, the same worker more than once perhaps."""
    last = constants.FAULT_SECONDS - 0.5
    kinds = ["worker-killed", "worker-killed", "worker-frozen", "broker-stopped", "broker-flushed", "database-cut"]
    events = []
    for kind in chance.sample([*kinds, "delivered-twice"], chance.randint(2, 5)):
        times = chance.randint(1, 3)
        moments = [chance.uniform(0.4, last) for _ in range(times)]
        if kind == "broker-stopped":  # early, so that others come after it
            events.append(Event(moments[0] / 2, kind, seconds=chance.uniform(0.5, 2)))
        elif kind == "worker-frozen":
            events.append(Event(moments[0] / 5, kind, seconds=constants.FROZEN_SECONDS, which=chance.randrange(2)))
        elif kind == "worker-killed":
            events += [Event(moment, kind, which=chance.choice([0, 1, ALL])) for moment in moments[:2]]
        else:
            events += [Event(moment, kind, which=chance.randrange(3)) for moment in moments]
    return events


def _accounts(seed: int) -> list[str]:
    """Two in a third of the schedules. Drawn apart, for the database follows from the seed too."""
    return [*constants.CODES][: 2 if random.Random(f"{seed} accounts").random() < 1 / 3 else 1]


def _refused_account(chance: random.Random, accounts: int) -> Event:
    """Somebody changed the key of one account at the vendor, and takes it back."""
    at, seconds = chance.uniform(0.5, constants.FAULT_SECONDS - 3), chance.uniform(1, 2.5)
    return Event(at, "account-refused", seconds=seconds, which=chance.randrange(accounts))


def _vendor(chance: random.Random) -> Event:
    at, times = chance.uniform(0, constants.FAULT_SECONDS - 0.5), chance.randint(1, 8)
    method = chance.choice([None, None, "POST", "PUT", "GET"])
    seconds = chance.uniform(0.2, 1.2)
    fault = chance.choice(MET_BY_REQUESTS)
    if chance.random() < 0.3:
        return Event(at, chance.choice(OUTAGES), seconds=seconds)
    return Event(at, fault, times=times, method=method)


def _on(database: str, event: Event) -> Event:
    """SQLite has no connections to cut; there somebody keeps the database locked for a second instead."""
    if event.fault == "database-cut" and database == "sqlite":
        return Event(event.at, "database-locked", seconds=1)
    return event
