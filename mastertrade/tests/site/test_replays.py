"""Replays on the site: listed, asked for, followed, read, put together, deleted."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from goals.enums import GoalType, NumberFormat
from goals.models import Portfolio, User
from goals.tests.factories import PortfolioFactory, UserFactory
from mastertrade.site import replays
from tests.http import make_replay, nothing_changes
from trades.enums import JobKind, JobState
from trades.models import ReplayRun, UserJob
from trades.services.jobs import create_job
from trades.services.replay import ReplayQuestion, read_report, run_replay
from trades.services.replay_reports import list_replays
from trades.tests.factories import import_profits
from trades.tests.jobs.worker import do
from trades.tests.prices import wander, write_csv

pytestmark = pytest.mark.django_db

LIST, NEW = reverse("site:replays"), reverse("site:replay-new")
COMPARE, BESIDE = reverse("site:replays-compare"), reverse("site:replays-beside")
ASKED = {
    "prices": "MSFT",
    "goal_type": "monthly_return",
    "target_value": "3",
    "policies": ["ladder"],
    "start_date": "2012-01-01",
    "end_date": "2012-04-05",
    "base_size_pct": "75",
    "fee_bps": "5",
    "slippage_bps": "2",
}
COMPARED = {"source": "case:modest-edge", "goal_pct": "5", "trades": "10"}


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.JOB_FILES = tmp_path / "jobs"
    return tmp_path / "jobs"


@pytest.fixture
def user(db: None) -> User:
    return UserFactory()


@pytest.fixture
def mine(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def replayed(user: User, bars: int = 62, **changes: Any) -> ReplayRun:
    question = ReplayQuestion(GoalType.MONTHLY_RETURN, Decimal(3), **changes)
    now = timezone.now()
    return run_replay(user=user, question=question, series=wander(bars), now=now)


def ask(client: Client, **changes: Any) -> Any:
    return client.post(NEW, {**ASKED, **changes})


def address_of(run: ReplayRun, part: str = "") -> str:
    return reverse(f"site:replay{part}", args=[run.pk])


def text_of(answer: Any) -> str:
    page = strip_tags(answer.content.decode().replace("<", " <"))
    return " ".join(page.replace("\u00a0", " ").split())


def test_a_replay_is_asked_for_followed_and_read(mine: Client, user: User) -> None:
    answer = ask(mine)
    job = UserJob.objects.get()
    follow = reverse("site:replay-job", args=[job.pk])
    assert answer["Location"] == follow
    assert "Waiting for the worker" in text_of(mine.get(follow))
    assert "Under way" in text_of(mine.get(LIST))
    progress = reverse("site:replay-progress", args=[job.pk])
    assert "HX-Refresh" not in mine.get(progress)

    do(job.pk)

    assert mine.get(progress)["HX-Refresh"] == "true"
    run = ReplayRun.objects.get(user=user)
    assert mine.get(follow)["Location"] == address_of(run)
    text = text_of(mine.get(address_of(run)))
    assert "Replay of MSFT, 2012: 3 % return per month, ladder" in text
    assert text.index("Simulated.") < text.index("Max drawdown")


def test_each_policy_chosen_is_a_replay_of_its_own(mine: Client, user: User) -> None:
    answer = ask(mine, policies=["ladder", "constant"])

    assert answer["Location"] == LIST
    asked = [one.arguments["policy"] for one in UserJob.objects.order_by("job_id")]
    assert asked == ["ladder", "constant"]


def test_limits_costs_and_dates_are_those_of_the_run(mine: Client, user: User) -> None:
    ask(
        mine,
        hard_drawdown_pct="8",
        soft_drawdown_pct="4",
        fee_bps="0",
        max_trades_per_day="1",
    )
    do(UserJob.objects.get().pk)

    run = ReplayRun.objects.get()
    assert run.policy_portfolio.hard_drawdown_pct == 8
    assert run.constant_portfolio.max_trades_per_day == 1
    assert read_report(run).hard_drawdown_pct == 8
    assert f"{read_report(run).first_at:%Y-%m-%d}" == "2012-01-03"


def test_a_file_of_prices_is_replayed_with_its_options(
    mine: Client, tmp_path: Path, files: Path
) -> None:
    path = write_csv(tmp_path / "ACME.csv", wander(62))
    file = SimpleUploadedFile(path.name, path.read_bytes())
    days = {"start_date": "", "end_date": ""}

    ask(mine, file=file, time_zone="America/New_York", **days)
    job = UserJob.objects.get()
    assert "prices" not in job.arguments
    assert "Replay of ACME.csv, ladder" in text_of(mine.get(LIST))
    do(job.pk)

    run = ReplayRun.objects.get()
    assert run.symbol == "ACME"
    assert run.policy_portfolio.time_zone == "America/New_York"


def test_a_firms_challenge_takes_the_place_of_the_goal(mine: Client) -> None:
    ask(mine, preset="topstep-combine-50k")

    arguments = UserJob.objects.get().arguments
    assert arguments["preset"] == "topstep-combine-50k"
    assert "target_value" not in arguments


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"target_value": "x"}, "target_value", "Must be a number"),
        ({"target_value": "-1"}, "target_value", "Must be above 0"),
        ({"target_value": ""}, "target_value", "Is needed"),
        ({"end_date": "2011-01-01"}, "end_date", "Must not be before"),
        ({"end_date": "2012-01-20"}, "start_date", "60 are needed"),
        ({"policies": []}, "policies", "This field is required."),
        ({"policies": ["bold"]}, "policies", "Select a valid choice"),
        ({"prices": "TSLA"}, "prices", "Select a valid choice"),
        ({"prices": ""}, "file", "Choose a file, or prices that are here."),
        ({"hard_drawdown_pct": "5"}, "soft_drawdown_pct", "must not be above"),
        ({"hard_drawdown_pct": "101"}, "hard_drawdown_pct", "100"),
        ({"base_size_pct": "0"}, "base_size_pct", "above 0"),
        ({"fee_bps": "1000"}, "fee_bps", "below 1000"),
        ({"resume_after_days": "0"}, "resume_after_days", "from 1 to 3650"),
        ({"phase": "2"}, "phase", "Is of a preset"),
        ({"preset": "topstep-combine-50k", "phase": "9"}, "phase", "Must be from 1"),
        ({"time_zone": "Mars/Base"}, "time_zone", "no time zone"),
    ],
)
def test_what_is_wrong_shows_at_its_field_and_what_was_typed_stays(
    mine: Client, changes: dict[str, Any], field: str, says: str
) -> None:
    with nothing_changes():
        answer = ask(mine, opening_balance="12345", **changes)

    assert answer.status_code == 422
    form = answer.context["form"]
    assert says in str(form.errors[field])
    assert form["opening_balance"].value() == "12345"
    assert 'value="12345"' in answer.content.decode()


def test_nothing_is_asked_where_one_of_several_is_too_many(
    mine: Client, user: User, settings: Any
) -> None:
    settings.JOBS_PER_USER = 1

    with nothing_changes():
        answer = ask(mine, policies=["ladder", "pace"])

    assert answer.status_code == 422
    assert "You have 1 job that has not ended" in text_of(answer)
    assert "/api/" not in text_of(answer)


def test_a_file_that_cannot_be_read_fails_in_words(mine: Client) -> None:
    file = SimpleUploadedFile("prices.csv", b"no,prices\n1,2\n")
    ask(mine, file=file, start_date="", end_date="")
    job = UserJob.objects.get()
    do(job.pk)

    page = text_of(mine.get(reverse("site:replay-job", args=[job.pk])))

    assert "Replay of prices.csv, ladder" in page
    assert "Nothing of it is stored." in page
    assert "Replay of prices.csv, ladder" in text_of(mine.get(LIST))


def test_no_page_of_a_replay_writes_days_as_programs_do(
    mine: Client, user: User
) -> None:
    run = replayed(user, bars=125)
    addresses = (LIST, address_of(run), address_of(run, "-file"))
    shown = [text_of(mine.get(one)).partition(" by: ")[0] for one in addresses]

    for text in shown:
        assert not re.search(r"\d{4}-\d\d", text)
    assert f"from {read_report(run).first_at:%-d %b %Y} to" in shown[1]


def test_it_is_cancelled_while_it_waits_and_not_after_its_end(mine: Client) -> None:
    ask(mine)
    job = UserJob.objects.get()
    cancel = reverse("site:job-cancel", args=[job.pk])

    assert "Cancelled: nothing of it is stored." in text_of(
        mine.post(cancel, follow=True)
    )
    job.refresh_from_db()
    assert job.state == "cancelled"

    other = ask(mine) and UserJob.objects.latest("pk")
    do(other.pk)
    refused = text_of(
        mine.post(reverse("site:job-cancel", args=[other.pk]), follow=True)
    )
    assert "is done already; it is not undone" in refused


def test_the_page_is_the_file_without_the_shell(mine: Client, user: User) -> None:
    run = replayed(user)
    page = mine.get(address_of(run)).content.decode()
    answer = mine.get(address_of(run, "-file"))

    assert (
        answer["Content-Disposition"] == f'attachment; filename="replay-{run.pk}.html"'
    )
    file = answer.content.decode()
    assert ">\n:root" in file or "<style>" in file
    start = '<p class="banner off tight"'
    alone = re.compile(r'(?:src|srcset)="[^"]*"')
    shown = [
        alone.sub("", one[one.index(start) : one.rindex("</section>")])
        for one in (page, file)
    ]
    assert shown[0] == shown[1]


def test_the_chart_is_an_image_that_asks_for_nothing(mine: Client, user: User) -> None:
    run = replayed(user)
    page = mine.get(address_of(run)).content.decode()

    for size in ("wide", "mid", "narrow"):
        address = f"{address_of(run, '-chart')}?size={size}"
        assert address in page
        answer = mine.get(address)
        assert answer["Content-Type"] == "image/svg+xml"
        assert answer["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.content.startswith(b"<svg")
    assert mine.get(f"{address_of(run, '-chart')}?size=huge").status_code == 404


def test_numbers_are_in_the_readers_form(mine: Client, user: User) -> None:
    run = replayed(user)
    user.number_format = NumberFormat.COMMA
    user.save()

    text = text_of(mine.get(address_of(run)))

    report = read_report(run)
    assert f"{report.policy_run.final_equity:,.2f}" not in text
    drawdown = f"{report.policy_run.max_drawdown_pct:.1f}".replace(".", ",")
    assert f"max drawdown {drawdown} %" in text
    drawn = mine.get(address_of(run, "-chart")).content.decode()
    axis = re.findall(r"<text[^>]*>(1[0-9.,]+0)</text>", drawn)
    assert any("." in one for one in axis)
    assert all("," not in one for one in axis)


def test_of_many_periods_the_newest_are_on_the_page_and_all_in_the_file(
    mine: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = replayed(user, bars=125)
    monkeypatch.setattr(replays, "MOST_PERIODS", 2)
    periods = read_report(run).policy_run.periods
    line = re.compile(r'scope="row" class="nowrap">(\w{3} \d{4})<')

    page = mine.get(address_of(run)).content.decode()
    file = mine.get(address_of(run, "-file")).content.decode()

    assert line.findall(page) == [f"{one.start_date:%b %Y}" for one in periods[:-3:-1]]
    assert f"The newest 2 of {len(periods)} are here" in page
    assert len(line.findall(file)) == len(periods) > 3


def test_the_list_has_the_figures_of_each_without_its_curves(
    mine: Client, user: User
) -> None:
    run = replayed(user)
    whole = read_report(run)

    (listed,) = list_replays(ReplayRun.objects.filter(user=user))

    assert listed.report.policy_run.equity == ()
    assert listed.report.policy_run.return_pct == whole.policy_run.return_pct
    assert listed.report.comparison == whole.comparison
    text = text_of(mine.get(LIST))
    assert f"TEST {whole.first_at:%-d %b %Y} to {whole.last_at:%-d %b %Y}" in text
    assert "3 % return per month ladder" in text


def test_a_report_without_buy_and_hold_is_listed(mine: Client, user: User) -> None:
    make_replay(user, "OLD")

    assert "OLD" in text_of(mine.get(LIST))


def test_the_list_is_bounded_and_asks_a_constant_number_of_statements(
    mine: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look() -> tuple[int, str]:
        mine.get(LIST)
        with CaptureQueriesContext(connection) as asked:
            answer = mine.get(LIST)
        return len(asked), answer.content.decode()

    monkeypatch.setattr(replays, "MOST_REPLAYS", 3)
    make_replay(user, "FIRST")
    compare(mine)
    before, _ = look()
    for number in range(5):
        make_replay(user, f"MORE{number}")
        compare(mine)
    after, page = look()
    assert after == before
    assert page.count('name="run"') == 3
    assert "1 to 3 of 6" in page
    second = mine.get(LIST, {"page": "2"}).content.decode()
    assert second.count('name="run"') == 3
    assert "FIRST" in second


def test_several_are_shown_together_the_worst_first(mine: Client, user: User) -> None:
    runs = [make_replay(user, name) for name in ("A", "B")]

    text = text_of(mine.get(BESIDE, {"run": [one.pk for one in runs]}))

    assert "2 replays together" in text
    assert "Simulated." in text
    assert {"A", "B"} <= set(text.split())


@pytest.mark.parametrize("asked", [[], ["x"], ["9" * 30, "1"], ["-1", "1.5"]])
def test_fewer_than_two_are_not_shown_together(
    mine: Client, user: User, asked: list[str]
) -> None:
    make_replay(user)

    answer = mine.get(BESIDE, {"run": asked}, follow=True)

    assert "Choose two replays or more" in text_of(answer)


def test_it_is_deleted_from_its_page_and_from_the_list(
    mine: Client, user: User
) -> None:
    run = make_replay(user)
    delete = reverse("site:replay-delete", args=[run.pk])
    assert f'action="{delete}"' in mine.get(address_of(run)).content.decode()
    assert f'action="{delete}"' in mine.get(LIST).content.decode()
    assert mine.get(delete).status_code == 405

    answer = mine.post(delete, follow=True)

    assert "The replay is deleted" in text_of(answer)
    assert not ReplayRun.objects.exists()
    assert not Portfolio.objects.filter(kind="simulation").exists()
    assert mine.get(address_of(run)).status_code == 404
    assert mine.post(delete).status_code == 404


def test_a_job_whose_replay_was_deleted_says_so(mine: Client, user: User) -> None:
    ask(mine)
    job = UserJob.objects.get()
    do(job.pk)
    mine.post(reverse("site:replay-delete", args=[ReplayRun.objects.get().pk]))

    answer = mine.get(reverse("site:replay-job", args=[job.pk]), follow=True)

    assert "was deleted since" in text_of(answer)


def compare(client: Client, **changes: Any) -> Any:
    answer = client.post(COMPARE, {**COMPARED, "paths": "500", **changes})
    if answer.status_code == 302:
        do(UserJob.objects.latest("pk").pk)
    return answer


def test_policies_are_compared_as_a_job_and_the_result_is_kept(
    mine: Client, user: User
) -> None:
    answer = compare(mine)

    text = text_of(mine.get(answer["Location"]))
    job = UserJob.objects.get()
    assert job.kind == JobKind.COMPARISON
    assert "5 % within 10 trades, stopped at a drawdown of 20 %" in text
    assert "Simulated: random walks on wins 2 R or loses 1 R" in text
    for name in ("Ladder", "Pace", "Deadline optimal", "Constant"):
        assert text.count(name) == 2
    assert text.index("Stopped") < text.index("Reached")
    assert reverse("site:replay-job", args=[job.pk]) in mine.get(LIST).content.decode()


def test_the_own_record_is_compared_on_and_too_few_trades_are_refused(
    mine: Client, user: User
) -> None:
    begun = timezone.now() - timedelta(days=40)
    portfolio = PortfolioFactory(user=user, now=begun)
    source = f"portfolio:{portfolio.pk}"
    refused = compare(mine, source=source)
    assert refused.status_code == 422
    assert "20 are needed" in str(refused.context["form"].errors["source"])
    assert not UserJob.objects.exists()
    import_profits(
        portfolio,
        [(begun + timedelta(hours=n), Decimal(9 if n % 3 else -8)) for n in range(25)],
    )

    answer = compare(mine, source=source)

    assert "25 closed trades" in text_of(mine.get(answer["Location"]))


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"trades": "0"}, "trades", "1"),
        ({"goal_pct": "x"}, "goal_pct", "Must be a number"),
        ({"stop_pct": "100"}, "stop_pct", "99"),
        ({"min_factor": "2", "max_factor": "1"}, "min_factor", "not be above"),
        ({"paths": "99999999"}, "paths", "Must be from 1"),
        ({"trades": "\N{FULLWIDTH DIGIT ONE}"}, "trades", "Must be a whole number"),
        ({"source": "case:lucky"}, "source", "Select a valid choice"),
        ({"source": "portfolio:1"}, "source", "Select a valid choice"),
    ],
)
def test_a_comparison_that_is_wrong_says_why_and_keeps_what_was_typed(
    mine: Client, changes: dict[str, Any], field: str, says: str
) -> None:
    with nothing_changes():
        answer = compare(mine, **{"goal_pct": "7.5", **changes})

    assert answer.status_code == 422
    form = answer.context["form"]
    assert says in str(form.errors[field])
    if field != "goal_pct":
        assert form["goal_pct"].value() == "7.5"


def test_nothing_of_another_is_shown_or_touched(client: Client, user: User) -> None:
    run = make_replay(user, "ADAS")
    client.force_login(user)
    ask(client)
    job = UserJob.objects.get()
    eve = UserFactory()
    own = make_replay(eve, "EVES")
    client.force_login(eve)

    with nothing_changes():
        assert "ADAS" not in client.get(LIST).content.decode()
        assert "MSFT" not in text_of(client.get(LIST))
        for part in ("", "-chart", "-file"):
            assert client.get(address_of(run, part)).status_code == 404
        for name in ("replay-job", "replay-progress"):
            address = reverse(f"site:{name}", args=[job.pk])
            assert client.get(address).status_code == 404
        for name, key in (("replay-delete", run.pk), ("job-cancel", job.pk)):
            assert client.post(reverse(f"site:{name}", args=[key])).status_code == 404
        beside = client.get(BESIDE, {"run": [run.pk, own.pk]})
        assert beside.status_code == 302


def test_jobs_of_other_kinds_have_no_page_here(mine: Client, user: User) -> None:
    job = create_job(user=user, kind=JobKind.DEMO, arguments={}, now=timezone.now())

    for name in ("replay-job", "replay-progress"):
        assert mine.get(reverse(f"site:{name}", args=[job.pk])).status_code == 404
    assert mine.post(reverse("site:job-cancel", args=[job.pk])).status_code == 404


def test_a_visitor_is_sent_to_sign_in(client: Client, user: User) -> None:
    run = make_replay(user)
    for address in (LIST, NEW, COMPARE, BESIDE, address_of(run, "-chart")):
        assert client.get(address)["Location"].startswith(reverse("site:login"))


def test_what_is_said_of_a_file_names_the_fields_of_the_page(
    mine: Client, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "prices.csv", wander(70))
    lines = path.read_text().splitlines()
    lines[3] = re.sub(",.*", ",null,null,null,null,0", lines[3])
    for given, says in (
        (lines, "“Skip rows without a price” skips such rows"),
        (["Date,Open,High,Low,Close,Adj Close,Volume"], "60 bars are needed"),
    ):
        file = SimpleUploadedFile("prices.csv", "\n".join(given).encode())
        job = UserJob.objects.get(pk=ask(mine, prices="", file=file).url.split("/")[-2])
        do(job.pk)
        page = mine.get(reverse("site:replay-job", args=[job.pk]))
        assert says in page.content.decode()
        assert says in mine.get(LIST).content.decode()


def test_only_the_newest_failures_stand_above_the_replays(
    mine: Client, user: User
) -> None:
    for number in range(6):
        job = create_job(
            user=user, kind=JobKind.REPLAY, arguments={}, now=timezone.now()
        )
        UserJob.objects.filter(pk=job.pk).update(
            state=JobState.FAILED, error=f"number {number}", finished_at=timezone.now()
        )

    above, _, folded = mine.get(LIST).content.decode().partition("<details>")

    assert re.findall(r"number \d", above) == ["number 5", "number 4", "number 3"]
    assert "3 more that failed before" in folded
    assert re.findall(r"number \d", folded) == ["number 2", "number 1", "number 0"]
