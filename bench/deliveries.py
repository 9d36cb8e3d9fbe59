"""Delivering alerts by 4 workers to a receiver on this machine, against bare posts.

The receiver answers at once, with TCP_NODELAY. A worker takes its jobs from the queue,
one for each alert as they are deferred; the bare posts are of like bodies by the same
client. Its processes import this before Django is set up, so what needs Django waits.
"""

import asyncio
import multiprocessing
import os
import socket
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from time import perf_counter
from typing import Any

from bench.rows import Row, Target

WORKERS = 4
CHANNELS = 8
DELIVERIES = 800
LONGEST_WAIT = 120.0
PER_SECOND = Target(200, at_least=True, unit=" /s")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def measure() -> Iterator[Row]:
    context = multiprocessing.get_context("spawn")
    ports: Any = context.Queue()
    receiver = context.Process(target=_receive, args=(ports,), daemon=True)
    receiver.start()
    try:
        address = f"http://127.0.0.1:{ports.get(timeout=LONGEST_WAIT)}/alerts"
        _fill(address)
        rates = {
            "bare": DELIVERIES / _run(context, _post_bare, address),
            "ours": DELIVERIES / _run(context, _work, address),
        }
        _require_all_sent()
    finally:
        receiver.terminate()
        receiver.join()
    yield Row(
        f"delivering alerts, {WORKERS} workers, against bare posts by the same client",
        f"{rates['ours']:.0f} /s",
        f"{rates['bare']:.0f} /s",
        rates["ours"] / rates["bare"],
        PER_SECOND,
        rates["ours"],
    )


def _fill(address: str) -> None:
    """Alerts of one user, one delivery and one job each, to channels in turn."""
    from django.db import connections, transaction
    from django.utils import timezone

    from bench.people import make_trader
    from goals.enums import AlertKind, Severity
    from goals.models import AlertDelivery, GoalAlert
    from goals.services.channels import create_channel
    from mastertrade.db.queue import defer

    now = timezone.now()
    user = make_trader("delivering").user
    channels = [
        create_channel(
            user=user, kind="webhook", address=address, now=now, per_minute=60_000
        )[0]
        for _ in range(CHANNELS)
    ]
    alerts = GoalAlert.objects.bulk_create(
        GoalAlert(
            user=user,
            kind=AlertKind.MILESTONE,
            cause=f"bench {number}",
            severity=Severity.INFO,
            title="50 % of the way",
            text="The goal of 5 % stands at 2.5 %.",
            figures={"progress_pct": "50"},
            occurred_at=now,
            created_at=now,
        )
        for number in range(DELIVERIES)
    )
    with transaction.atomic():
        for number, alert in enumerate(alerts):
            channel = channels[number % CHANNELS]
            AlertDelivery.objects.create(alert=alert, channel=channel, next_try_at=now)
            defer("deliver", channel_id=channel.pk)
    connections.close_all()


def _run(context: Any, work: Any, address: str) -> float:
    """The seconds from when all are ready until the last one is done."""
    barrier = context.Barrier(WORKERS)
    queue: Any = context.Queue()
    processes = [
        context.Process(target=work, args=(address, barrier, queue))
        for _ in range(WORKERS)
    ]
    for process in processes:
        process.start()
    times = [queue.get(timeout=LONGEST_WAIT) for _ in processes]
    for process in processes:
        process.join()
    return float(max(end for _, end in times) - min(begin for begin, _ in times))


def _work(address: str, barrier: Barrier, queue: Any) -> None:
    """Jobs from the queue until there are none."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "mastertrade.settings"
    os.environ["MASTERTRADE_ALLOW_PRIVATE_TARGETS"] = "1"
    import django

    django.setup()
    from django.db import connections
    from procrastinate.contrib.django import app

    from goals.services.deliveries import senders

    senders().check(kind="webhook", address=address)  # has started a sender
    connector: Any = app.connector
    with app.replace_connector(connector.get_worker_connector()) as workers:
        barrier.wait(LONGEST_WAIT)
        begin = perf_counter()
        workers.run_worker(
            queues=["quick"],
            wait=False,
            concurrency=1,
            listen_notify=False,
            install_signal_handlers=False,
        )
        queue.put((begin, perf_counter()))
    connections.close_all()


def _require_all_sent() -> None:
    """A rate counts only if each was sent, and once."""
    from goals.models import AlertDelivery

    found = AlertDelivery.objects.filter(state="sent", attempts=1).count()
    if found != DELIVERIES:
        raise RuntimeError(f"{found} of {DELIVERIES} deliveries were sent once.")


def _post_bare(address: str, barrier: Barrier, queue: Any) -> None:
    """A share of the same posts, one after the other, on one connection."""
    from goals.channels.channel import Message
    from goals.channels.webhook import send

    alert = {"kind": "milestone", "figures": {"progress_pct": "50"}}
    data = {"alerts": [alert]}
    text = "The goal of 5 % stands at 2.5 %."
    message = Message("bare", "50 % of the way", text, "", data)
    barrier.wait(LONGEST_WAIT)
    begin = perf_counter()
    for _ in range(DELIVERIES // WORKERS):
        send(address, "a-secret-of-the-bench", message)
    queue.put((begin, perf_counter()))


def _receive(ports: Any) -> None:
    """Answers each post at once, as few instructions as can be."""

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).lower():
                length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
                await reader.readexactly(int(length))
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionResetError):
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())
