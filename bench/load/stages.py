"""The loads, one after the other, on one database that grows."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic, sleep

from django.db import connection
from django.utils import timezone

from bench.copying import run
from bench.import_fills import text_of
from bench.load.bots import Crowd, Times
from bench.load.costs import Cost, measure_costs, sizes
from bench.load.queue import (
    begin_daily,
    forget_daily,
    hold_daily,
    measure_day,
    measure_jobs,
)
from bench.load.seeding import (
    TABLES,
    TEMPLATE,
    Account,
    account_of,
    cookie_of,
    copy_template,
    make_account,
    make_template,
)
from bench.load.site import Site, serving
from bench.people import STRATEGY, make_trader, vacuum
from bench.web import ask
from trades.models import UserJob
from trades.services.jobs import cancel_job

# Bots at once, each at a portfolio of its own where there are so many.
BOTS = 200
USUAL_WEB = 2
# The rates, each so many times the one before, until p95 of a size is so many times
# that of the first, fewer are answered in time, or more is refused. The knee is the
# last one before.
FIRST_RATE, STEP, LEAVES, ANSWERED, MOST_REFUSED = 10.0, 1.25, 4.0, 0.75, 0.01
PROJECTED = 20
LONGEST_IMPORT = 300.0


@dataclass(frozen=True, slots=True)
class Options:
    seconds: float
    warm_up: float
    trades: tuple[int, ...]
    portfolios: tuple[int, ...]
    processes: tuple[int, ...]
    fills: int
    rate: float
    rates: int
    jobs: int


@dataclass(frozen=True, slots=True)
class Load:
    """A load, and what became of it."""

    what: str
    offered: float
    times: Times


@dataclass(slots=True)
class Found:
    """All figures of a run."""

    growth: list[Load] = field(default_factory=list)
    web: list[Load] = field(default_factory=list)
    rates: list[Load] = field(default_factory=list)
    half: Load | None = None
    importing: Load | None = None
    daily: Load | None = None
    import_seconds: float | None = None
    knee: float = 0.0
    cpu: list[float] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    asked: int = 0
    jobs: dict[int, float] = field(default_factory=dict)
    day_seconds: float = 0.0
    sizes: list[tuple[str, int, float]] = field(default_factory=list)


class Run:
    """`show` is given what is measured next, `note` what it was."""

    def __init__(
        self, options: Options, show: Callable[[str], None], note: Callable[[str], None]
    ) -> None:
        self.options, self.show, self.note, self.found = options, show, note, Found()

    def measure(self) -> Found:
        hold_daily()
        make_template()
        operator = cookie_of(TEMPLATE)
        with serving(web=USUAL_WEB) as site:
            self._grow_portfolios(site, operator)
            self._grow_trades(site)
            many = _accounts(self.options.portfolios[-1])
            crowd = Crowd(site, many, operator)
            self._find_knee(crowd)
            self._import_next_to(crowd)
            begin_daily()
            what = "half the knee, the daily run of all portfolios"
            self.found.daily = self._load(what, crowd, self._half)
        forget_daily()
        self._change_web(many, operator)
        self._change_workers(many)
        self.found.day_seconds = measure_day(PROJECTED)
        self.found.sizes = list(sizes())
        return self.found

    def _load(self, what: str, crowd: Crowd, rate: float) -> Load:
        self.show(f"{what}, {rate:.0f} requests a second")
        warm_up = self.options.warm_up
        end = warm_up + self.options.seconds
        times = crowd.run(rate, until=lambda at: at >= end, warm_up=warm_up)
        return self._note(Load(what, rate, times))

    def _note(self, load: Load) -> Load:
        """What is seen while it runs; the first refusal says why."""
        p95 = load.times.percentile("sizing", 95)
        wait = "" if p95 is None else f", p95 of a size {p95 * 1000:.0f} ms"
        answered = f"{load.times.per_second:.0f} of {load.offered:.0f} a second"
        self.note(f"{load.what}: {answered}{wait}")
        for refusal in load.times.refused[:1]:
            self.note(f"refused: {len(load.times.refused)}, as {refusal}")
        return load

    def _grow_portfolios(self, site: Site, operator: str) -> None:
        there = 1
        for number in self.options.portfolios:
            self.show(f"making {number:,} portfolios")
            if number > there:
                copy_template(there, number - 1)
                there = number
                vacuum("users", *TABLES)
            crowd = Crowd(site, _accounts(number), operator)
            what = f"{number:,} portfolio{'s' if number > 1 else ''}"
            self.found.growth.append(self._load(what, crowd, self.options.rate))

    def _grow_trades(self, site: Site) -> None:
        heavy: dict[int, tuple[Account, str]] = {}
        for number in self.options.trades:
            self.show(f"making a portfolio of {number:,} trades")
            name = f"heavy-{number}"
            make_account(name, number)
            heavy[number] = account_of(name), cookie_of(name)
            self.found.costs += measure_costs(heavy[number][0], number)
        for number, (account, cookie) in heavy.items():
            crowd = Crowd(site, [account], cookie)
            what = f"one portfolio of {number:,} trades"
            self.found.growth.append(self._load(what, crowd, self.options.rate))

    def _change_web(self, accounts: list[Account], operator: str) -> None:
        """At the knee of two."""
        for number in self.options.processes:
            with serving(web=number) as site:
                what = f"{number} web process{'es' if number > 1 else ''}"
                crowd = Crowd(site, accounts, operator)
                self.found.web.append(self._load(what, crowd, 2 * self._half))

    def _find_knee(self, crowd: Crowd) -> None:
        rate = FIRST_RATE
        for _ in range(self.options.rates):
            load = self._load("raising the rate", crowd, rate)
            self.found.rates.append(load)
            if not _holds(load, self.found.rates[0]):
                break
            self.found.knee, rate = rate, rate * STEP

    @property
    def _half(self) -> float:
        return (self.found.knee or FIRST_RATE) / 2

    def _import_next_to(self, crowd: Crowd) -> None:
        rate = self._half
        before, answered = crowd.site.cpu(), crowd.answered
        self.found.half = self._load("half the knee", crowd, rate)
        spent = zip(crowd.site.cpu(), before, strict=True)
        answered = crowd.answered - answered
        self.found.cpu = [(now - then) / answered for now, then in spent]
        what = f"half the knee, importing {self.options.fills:,} fills"
        self.show(what)
        job = self._ask_import(crowd.site.port)
        with ThreadPoolExecutor(1) as watcher:
            ended = watcher.submit(_await_end, job)
            times = crowd.run(rate, until=lambda at: ended.done())
        self.found.importing = self._note(Load(what, rate, times))
        self.found.import_seconds = ended.result()
        job.refresh_from_db()
        created = (job.result or {}).get("created")
        if self.found.import_seconds is not None and created != self.options.fills:
            raise RuntimeError(f"The import {job.state}: {job.error}")

    def _ask_import(self, port: int) -> UserJob:
        until = timezone.now().replace(microsecond=0)
        trader = make_trader("filling", since=until - timedelta(days=400))
        key = trader.portfolio.portfolio_id
        run(f"UPDATE portfolios SET currency = 'USDT' WHERE portfolio_id = {key}")
        query = (
            f"background=1&format=binance-csv&portfolio={key}&strategy_id={STRATEGY}"
        )
        ask(
            port,
            "POST",
            f"/api/trades/import/?{query}",
            text_of(until, self.options.fills).encode(),
            account_of("filling").token,
            content_type="text/csv",
        )
        return UserJob.objects.filter(user_id="filling").latest("job_id")

    def _change_workers(self, accounts: list[Account]) -> None:
        jobs = self.found.asked = self.options.jobs
        for number in self.options.processes:
            self.show(f"{number} worker{'s' if number > 1 else ''}: {jobs} jobs")
            with serving(web=USUAL_WEB, workers=number) as site:
                self.found.jobs[number] = measure_jobs(site.port, accounts, jobs)


def _accounts(portfolios: int) -> list[Account]:
    """Of so many portfolios, those that bots trade: spread evenly among them."""
    bots = min(BOTS, portfolios)
    numbers = [place * portfolios // bots for place in range(bots)]
    return [account_of(f"{TEMPLATE}-{n}" if n else TEMPLATE) for n in numbers]


def _await_end(job: UserJob) -> float | None:
    """The seconds until it had ended; None where it took too long and is cancelled."""
    begin, found = monotonic(), UserJob.objects.filter(pk=job.pk)
    try:
        while monotonic() - begin < LONGEST_IMPORT:
            if found.exclude(finished_at=None).exists():
                return monotonic() - begin
            sleep(0.2)
        cancel_job(user=job.user, job_id=job.pk, now=timezone.now())
        return None
    finally:
        connection.close()


def _holds(load: Load, lowest: Load) -> bool:
    now, first = (one.times.percentile("sizing", 95) for one in (load, lowest))
    if now is None or first is None or load.times.refused_share > MOST_REFUSED:
        return False
    is_answered = load.times.per_second >= ANSWERED * load.offered
    return is_answered and now <= LEAVES * first


def every_load(found: Found) -> Iterator[Load]:
    yield from found.growth
    yield from found.rates
    yield from (
        one for one in (found.half, found.importing, found.daily) if one is not None
    )
    yield from found.web
