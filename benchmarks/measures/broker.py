"""What ``save()`` costs while the broker refuses connections, and while it accepts them and says nothing."""

from __future__ import annotations

import socket
from typing import Any

from ..child import Child
from ..lab import Lab, free_port
from ..report import Row, median

SCHEMES = {"redis": "redis://127.0.0.1:{}/0", "rabbitmq": "amqp://guest:guest@127.0.0.1:{}//"}
#: Seconds after which a save is said to hang.
PATIENCE = 8.0


def run(lab: Lab) -> list[Row]:
    rows = []
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as silent:  # connections wait in the backlog for ever
        ports = {"refuses": free_port(), "is silent": silent.getsockname()[1]}
        for broker, scheme in SCHEMES.items():
            rows += compared(lab, broker, {state: scheme.format(port) for state, port in ports.items()})
    return rows


def compared(lab: Lab, broker: str, broken: dict[str, str]) -> list[Row]:
    lab.log(f"save() with a broken broker: {broker}")
    children = {"healthy": lab.child("main", broker)}
    children |= {state: lab.child("main", address) for state, address in broken.items()}
    children["healthy"].call("rows.seed", count=500)
    first = {state: child.call("saving.one", kind="ours") for state, child in children.items()}
    times: dict[str, list[float]] = {state: [] for state in children}
    for _ in range(5 if lab.quick else 15):
        for state, child in children.items():
            found = child.call("saving.rounds", count=10 if lab.quick else 20, kinds=["ours"])
            times[state] += found["create"]["ours"] + found["update"]["ours"]
    rows = []
    for state, address in broken.items():
        naive = naive_once(lab, address)
        lab.note("broker", broker=broker, state=state, first=first[state], naive=naive, ours=median(times[state]))
        lab.raw["broker"][-1] |= {"healthy": median(times["healthy"]), "longest": max(times[state])}
        rows.append(
            Row(
                f"median `save()` while {broker} {state}, without the first, over that with a healthy broker",
                median(times[state]) / median(times["healthy"]),
                f"naive {naive}, at each save; our first {1000 * first[state]['seconds']:.0f} ms",
                "≤ 1.3",
                "≤ 1.1",
            )
        )
    for child in children.values():
        child.close()
    lab.purge(broker)
    return rows


def naive_once(lab: Lab, address: str) -> str:
    child: Child = lab.child("main", address)
    try:
        child.call("saving.statements", kind="plain")  # so that the connection to the database is there
        found: dict[str, Any] = child.call("saving.one", timeout=PATIENCE, kind="naive")
    except TimeoutError:
        return f"hangs (given up after {PATIENCE:.0f} s)"
    finally:
        child.close()
    return f"{found['seconds']:.2f} s and {found['raised'] or 'nothing'} raised"
