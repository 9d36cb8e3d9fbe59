"""Replays and comparisons: listed, asked for, followed, read, deleted."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    conditional_page,
    require_http_methods,
    require_POST,
    require_safe,
)

from goals.models import User
from mastertrade.site.figures import SEPARATORS, number_format, words
from mastertrade.site.replay_forms import (
    OF_CHALLENGE,
    OF_COSTS,
    OF_GOAL,
    OF_LIMITS,
    OF_MOVES,
    OF_PRICES,
    READING,
    ComparisonForm,
    ReplayForm,
    in_replay_words,
)
from mastertrade.site.shell import page
from mastertrade.values.exceptions import DomainError, NotFound
from trades.enums import JobKind, JobState
from trades.jobs.kinds.comparisons import DEFAULTS
from trades.models import ReplayRun, UserJob
from trades.replay.report import ReplayReport
from trades.services.deleting import delete_replay
from trades.services.jobs import KEPT, cancel_job
from trades.services.replay import read_reports
from trades.services.replay_reports import list_replays, render_file

MOST_REPLAYS, MOST_JOBS, MOST_BESIDE = 20, 20, 8
# Of those that failed, the others are folded away.
MOST_FAILED = 3
# Of a report's periods on the page; the file has them all.
MOST_PERIODS = 120
KINDS = (JobKind.REPLAY, JobKind.COMPARISON)
UNFINISHED = (JobState.WAITING, JobState.RUNNING)
LIKE_A_KEY = re.compile(r"[0-9]{1,18}")
SVG = "image/svg+xml"
# A drawing brings its own style along, and asks for nothing.
DRAWING_ALONE = "default-src 'none'; style-src 'unsafe-inline'"


def _mine(request: HttpRequest) -> QuerySet[ReplayRun]:
    return ReplayRun.objects.filter(user_id=request.user.get_username())


def _jobs(request: HttpRequest) -> QuerySet[UserJob]:
    mine = UserJob.objects.filter(user_id=request.user.get_username())
    return mine.filter(kind__in=KINDS).order_by("-job_id")


@require_safe
@never_cache
@page
def list_runs(request: HttpRequest) -> HttpResponse:
    """GET /replays/, `?page=2`: what is under way, the replays, the comparisons."""
    runs = _mine(request).select_related("policy_portfolio").order_by("-run_id")
    shown = Paginator(runs.defer("report"), MOST_REPLAYS)
    page_of = shown.get_page(request.GET.get("page"))
    jobs = _jobs(request).defer("result")
    failed = jobs.filter(state=JobState.FAILED)
    found = [_follow(one) for one in failed[:MOST_JOBS]]
    compared = jobs.filter(kind=JobKind.COMPARISON, state=JobState.DONE)
    context = {
        "under_way": [_follow(one) for one in jobs.filter(state__in=UNFINISHED)],
        "failed": found[:MOST_FAILED],
        "failed_before": found[MOST_FAILED:],
        "replays": list_replays(cast(QuerySet[ReplayRun], page_of.object_list)),
        "page": page_of,
        "comparisons": [_follow(one) for one in compared[:MOST_JOBS]],
        "kept_days": KEPT.days,
        "most_beside": MOST_BESIDE,
    }
    return render(request, "site/replays.html", context)


def _follow(job: UserJob) -> dict[str, Any]:
    return {
        "job": job,
        "asked": {**DEFAULTS, **job.arguments},
        "error": in_replay_words(job.error),
        "poll": reverse("site:replay-progress", args=[job.pk]),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@page
def new_replay(request: HttpRequest) -> HttpResponse:
    """GET /replays/new/ asks, POST has them replayed by the worker."""
    form = ReplayForm()
    if request.method == "POST":
        form = ReplayForm(request.POST, request.FILES)
        if form.is_valid():
            jobs = form.ask(cast(User, request.user), timezone.now())
            if len(jobs) == 1:
                return redirect("site:replay-job", jobs[0].pk)
            if jobs:
                messages.success(request, f"{len(jobs)} replays are under way.")
                return redirect("site:replays")
    context = {
        "form": form,
        "prices": form.group(OF_PRICES),
        "reading": form.group(READING),
        "goal": form.group(OF_GOAL),
        "challenge": form.group(OF_CHALLENGE),
        "limits": form.group(OF_LIMITS),
        "costs": form.group(OF_COSTS),
    }
    status = 422 if form.errors else 200
    return render(request, "site/replay_form.html", context, status=status)


# As large as the API takes.
new_replay.body_limit = "upload"  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@page
def compare_policies(request: HttpRequest) -> HttpResponse:
    """GET /replays/compare/ asks, POST has the worker compare."""
    user = cast(User, request.user)
    form = ComparisonForm(owner=user)
    if request.method == "POST":
        form = ComparisonForm(request.POST, owner=user)
        if form.is_valid():
            job = form.ask(user, timezone.now())
            if job is not None:
                return redirect("site:replay-job", job.pk)
    context = {"form": form, "moves": form.group(OF_MOVES)}
    status = 422 if form.errors else 200
    return render(request, "site/comparison_form.html", context, status=status)


@require_safe
@never_cache
@page
def follow_job(request: HttpRequest, job_id: int) -> HttpResponse:
    """GET /replays/jobs/{job_id}/: how far it is, then what came of it."""
    job = get_object_or_404(_jobs(request), pk=job_id)
    result = job.result or {}
    if job.state == JobState.DONE and job.kind == JobKind.REPLAY:
        if _mine(request).filter(pk=result["replay_id"]).exists():
            for note in result["notes"]:
                said = format_html(
                    "How the prices were read: {}.", in_replay_words(note)
                )
                messages.info(request, said)
            return redirect("site:replay", result["replay_id"])
        messages.warning(request, "The replay is done, and was deleted since.")
        return redirect("site:replays")
    context = {
        **_follow(job),
        "result": result,
        "lines": [_line(one) for one in result.get("results", [])],
        "kept_days": KEPT.days,
    }
    return render(request, "site/replay_job.html", context)


@dataclass(frozen=True, slots=True)
class Line:
    """One policy of a comparison: ratios, ends in units of the equity at the start."""

    policy: str
    guarded: bool
    stopped: Decimal
    deep_fall: Decimal
    low_end_pct: Decimal
    mean_end_pct: Decimal
    reached: Decimal
    held: Decimal


def _line(result: dict[str, Any]) -> Line:
    def ratio(name: str) -> Decimal:
        return Decimal(result[name])

    return Line(
        policy=words(result["policy"]).capitalize(),
        guarded=result["guarded"],
        stopped=ratio("stop_probability"),
        deep_fall=ratio("deep_fall_probability"),
        low_end_pct=(ratio("end_5_pct") - 1) * 100,
        mean_end_pct=(ratio("mean_end") - 1) * 100,
        reached=ratio("probability"),
        held=ratio("held_share"),
    )


@require_safe
@conditional_page
@page
def show_progress(request: HttpRequest, job_id: int) -> HttpResponse:
    """The part of a page that is asked for again until the job has ended."""
    job = get_object_or_404(_jobs(request), pk=job_id)
    answer = render(request, "site/parts/progress.html", _follow(job))
    if job.has_ended:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
@page
def cancel(request: HttpRequest, job_id: int) -> HttpResponse:
    """POST /replays/jobs/{job_id}/cancel/."""
    job = get_object_or_404(_jobs(request), pk=job_id)
    user, now = cast(User, request.user), timezone.now()
    try:
        job = cancel_job(user=user, job_id=job.pk, now=now)
    except DomainError as refused:
        messages.error(request, refused.on_page)
    else:
        at_once = "Cancelled: nothing of it is stored."
        soon = "It stops at its next step, and nothing of it is stored."
        messages.success(request, at_once if job.has_ended else soon)
    return redirect("site:replays")


@require_safe
@page
def show_replay(request: HttpRequest, replay_id: int) -> HttpResponse:
    """GET /replays/{replay_id}/: the report, by the template of the file."""
    run = get_object_or_404(_mine(request), pk=replay_id)
    context = {
        "run": run,
        "report": read_reports([run]),
        "charts": reverse("site:replay-chart", args=[run.pk]),
        "most": MOST_PERIODS,
    }
    return render(request, "site/replay.html", context)


@require_safe
@page
def draw_replay(request: HttpRequest, replay_id: int) -> HttpResponse:
    """GET /replays/{replay_id}/chart/, `?size=narrow`: an image of its own."""
    # Here, so that nothing but drawing loads matplotlib.
    from trades.replay.charts import SIZES, draw_chart

    run = get_object_or_404(_mine(request), pk=replay_id)
    size = request.GET.get("size", "wide")
    if size not in SIZES:
        raise Http404
    (report,) = read_reports([run]).instruments
    thousands, _ = SEPARATORS[number_format.get()]
    answer = HttpResponse(draw_chart(report, size, thousands), content_type=SVG)
    answer["Content-Security-Policy"] = DRAWING_ALONE
    # A replay never changes, the user's form of numbers may.
    answer["Cache-Control"] = "private, max-age=60"
    return answer


@require_safe
@page
def download_replay(request: HttpRequest, replay_id: int) -> HttpResponse:
    """GET /replays/{replay_id}/file/: the report as one HTML file."""
    run = get_object_or_404(_mine(request), pk=replay_id)
    answer = HttpResponse(render_file(read_reports([run])))
    answer["Content-Disposition"] = f'attachment; filename="replay-{run.pk}.html"'
    return answer


@require_safe
@page
def show_beside(request: HttpRequest) -> HttpResponse:
    """GET /replays/beside/?run=1&run=2: the figures of several, the worst first."""
    asked = request.GET.getlist("run")
    keys = {int(one) for one in asked if LIKE_A_KEY.fullmatch(one)}
    found = list_replays(_mine(request).filter(pk__in=sorted(keys)[:MOST_BESIDE]))
    if len(found) < 2:
        messages.warning(request, "Choose two replays or more to see them together.")
        return redirect("site:replays")
    report = ReplayReport(tuple(one.report for one in found))
    return render(request, "site/replays_beside.html", {"report": report})


@require_POST
@page
def delete(request: HttpRequest, replay_id: int) -> HttpResponse:
    """POST /replays/{replay_id}/delete/, asked once on the page."""
    try:
        delete_replay(user=cast(User, request.user), run_id=replay_id)
    except NotFound as unknown:
        raise Http404 from unknown
    messages.success(request, "The replay is deleted, with all that it had made.")
    return redirect("site:replays")
