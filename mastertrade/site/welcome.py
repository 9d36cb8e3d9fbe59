"""The first steps: five forms, in any order, ticked by what exists."""

from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    conditional_page,
    require_POST,
    require_safe,
)

from goals.enums import PortfolioKind
from goals.models import AlertChannel, FinancialGoal, Portfolio, User
from goals.projection.presets import PRESETS, find_preset
from goals.services.channels import ask_test
from goals.services.goal_state import is_open
from mastertrade.site.channels import test_of, wait_for_test
from mastertrade.site.figures import show
from mastertrade.site.first_steps import find_own, find_steps
from mastertrade.site.goal_forms import FirstGoalForm, make_form
from mastertrade.site.goal_lines import title_of
from mastertrade.site.goals import show_forecast
from mastertrade.site.import_choices import said_of
from mastertrade.site.shell import page
from mastertrade.site.sign_in import RefusesForms
from mastertrade.site.snippets import make_snippets
from mastertrade.site.welcome_forms import (
    ChallengeForm,
    ImportForm,
    MoneyForm,
    TestAlertForm,
    TokenForm,
)
from mastertrade.values.exceptions import DomainError
from trades.enums import JobKind
from trades.models import UserJob
from trades.services.deleting import delete_simulation
from trades.services.demo import find_demo
from trades.services.jobs import create_job
from trades.sizing_calls.limits import measure_limits

STEPS = ("money", "goal", "trades", "token", "alert")
# Shown until a token is made: what was made before cannot be read again.
NO_TOKEN = "YOUR-TOKEN"
SHOWN_REFUSALS = 10


class SignInView(RefusesForms, LoginView):
    """Who has nothing yet begins with the first steps, unless asking for a page."""

    template_name = "site/login.html"
    redirect_authenticated_user = True

    def get_success_url(self) -> str:
        asked = str(super().get_success_url())
        is_new = (
            asked == reverse("site:home")
            and find_steps(_user(self.request)).nothing_done
        )
        return reverse("site:welcome") if is_new else asked


@require_safe
@never_cache
@page
def welcome(request: HttpRequest) -> HttpResponse:
    """GET /welcome/; `?change=money` opens the form of a step that is done."""
    return _show(request, change=request.GET.get("change", ""))


@require_POST
@never_cache
@page
def save_money(request: HttpRequest) -> HttpResponse:
    form = MoneyForm(request.POST, portfolio=find_own(_user(request)))
    saved = form.save(timezone.now())
    words = f"Money and limits of {saved.name} are saved." if saved else ""
    return _answer(request, "money", words, money_form=form)


@require_POST
@never_cache
@page
def take_challenge(request: HttpRequest) -> HttpResponse:
    """The money, limits and goal of a firm's challenge, in a portfolio of its own."""
    form = ChallengeForm(request.POST, user=_user(request))
    made = form.save(timezone.now())
    words = f"Portfolio {made.name} has the challenge's rules." if made else ""
    return _answer(request, "money", words, "goal", challenge_form=form)


@require_POST
@never_cache
@page
def save_goal(request: HttpRequest) -> HttpResponse:
    form = _goal_form(find_own(_user(request)), timezone.now(), request.POST)
    words = ""
    if form.is_valid():
        words = format_html("The goal is saved: {}.", title_of(form.instance))
    return _answer(request, "goal", words, goal_form=form)


def _answer(
    request: HttpRequest, step: str, words: str, then: str = "", **given: Any
) -> HttpResponse:
    """Say what was done and go on; without words, show what is wrong with the form."""
    if not words:
        return _show(request, step, **given)
    messages.success(request, words)
    return _to_step(then or step)


def _goal_form(
    portfolio: Portfolio, now: datetime, data: QueryDict | None = None
) -> FirstGoalForm:
    goal = FinancialGoal(portfolio=portfolio, recurring=True)
    return make_form(FirstGoalForm, goal, now, data, prefix="goal")


@require_POST
@page
def preview(request: HttpRequest) -> HttpResponse:
    """What the goal of the form would ask for; nothing is saved."""
    portfolio, now = find_own(_user(request)), timezone.now()
    form = _goal_form(portfolio, now, request.POST)
    return show_forecast(request, form, portfolio, now, first=True)


@require_POST
@never_cache
@page
def import_file(request: HttpRequest) -> HttpResponse:
    portfolio = find_own(_user(request))
    form = ImportForm(request.POST, request.FILES, portfolio=portfolio)
    if form.save(timezone.now()) is None:
        return _show(request, "trades", import_form=form)
    return _to_step("trades")


# A file of trades, as large as the API takes.
import_file.body_limit = "upload"  # type: ignore[attr-defined]


@require_POST
@page
def load_demo(request: HttpRequest) -> HttpResponse:
    """Have the worker make the demo; nothing where that is under way."""
    user, now = _user(request), timezone.now()
    known = _jobs_of(user).get(JobKind.DEMO)
    if known is None or known.has_ended:
        try:
            create_job(user=user, kind=JobKind.DEMO, arguments={}, now=now)
        except DomainError as refused:
            messages.error(request, show(refused.on_page))
    return _to_step("trades")


@require_POST
@page
def remove_demo(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    demo = find_demo(user)
    if demo is not None:
        gone = delete_simulation(user=user, portfolio_id=demo.pk)
        messages.success(request, f"The demo is removed, with {gone.trades} trades.")
    return _to_step("trades")


@require_safe
@conditional_page
@page
def job(request: HttpRequest, job_id: int) -> HttpResponse:
    """How far a job is; at its end, the whole step with the result."""
    user = _user(request)
    found = get_object_or_404(_shown_jobs(user), pk=job_id)
    if not found.has_ended:
        return render(request, "site/parts/job.html", {"job": found})
    return _whole_step(request, "trades")


@require_POST
@never_cache
@page
def make_token(request: HttpRequest) -> HttpResponse:
    """Answered with the token in the snippets: it cannot be read again."""
    form = TokenForm(request.POST, user=_user(request))
    made = form.save()
    if made is None:
        return _show(request, "token", token_form=form)
    return _show(request, "token", token=made[1], token_name=made[0].name)


@require_POST
@never_cache
@page
def send_alert(request: HttpRequest) -> HttpResponse:
    """Make the channel where there is none yet, and ask for its test.

    The answer holds the secret of a new webhook, this once.
    """
    user, now = _user(request), timezone.now()
    form = TestAlertForm(request.POST, user=user)
    channel = form.save(now)
    if channel is not None and (wait := wait_for_test(request)):
        form.add_error(
            None, f"Too many tests in a minute. Try again in {wait} seconds."
        )
        channel = None
    if channel is not None:
        ask_test(user=user, channel_id=channel.pk, now=now)
        if form.secret is None:
            return _to_step("alert")
    return _show(request, "alert", alert_form=form, secret=form.secret)


@require_safe
@conditional_page
@page
def alert_result(request: HttpRequest, channel_id: int) -> HttpResponse:
    """What became of the test; once that is known, the whole step."""
    mine = AlertChannel.objects.filter(user_id=_user(request).username)
    channel = get_object_or_404(mine, pk=channel_id)
    if channel.waits_for_test:
        context = _test_context(channel, timezone.now())
        return render(request, "site/parts/channel_test.html", context)
    return _whole_step(request, "alert")


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


def _to_step(name: str) -> HttpResponse:
    return redirect(f"{reverse('site:welcome')}#{name}")


def _whole_step(request: HttpRequest, name: str) -> HttpResponse:
    """In place of the part that asked; the count of steps done goes with it."""
    context = _context(request, timezone.now(), parts=True)
    answer = render(request, f"site/parts/step_{name}.html", context)
    answer["HX-Retarget"], answer["HX-Reswap"] = f"#{name}", "outerHTML"
    return answer


def _show(request: HttpRequest, change: str = "", **given: Any) -> HttpResponse:
    """The page; with what is wrong where a form was refused."""
    context = {**_context(request, timezone.now()), "change": change, **given}
    context["snippets"] = make_snippets(
        request.build_absolute_uri("/"), given.get("token", NO_TOKEN), context["sized"]
    )
    wrong = any(getattr(form, "errors", None) for form in given.values())
    return render(request, "site/welcome.html", context, status=422 if wrong else 200)


def _context(
    request: HttpRequest, now: datetime, *, parts: bool = False
) -> dict[str, Any]:
    user = _user(request)
    own, jobs = find_own(user), _jobs_of(user)
    goals = FinancialGoal.objects.filter(
        is_open(now), user_id=user.username, portfolio__kind=PortfolioKind.LIVE
    )
    goal = goals.select_related("portfolio").order_by("goal_id").first()
    channels = AlertChannel.objects.filter(user_id=user.username)
    tested = channels.exclude(test_asked_at=None).order_by("-test_asked_at").first()
    imported = jobs.get(JobKind.IMPORT)
    limits = measure_limits(user=user, portfolio_id=own.pk, now=now)
    sized = goal.portfolio if goal is not None else None
    return {
        "steps": find_steps(user),
        "swapped": parts,
        "change": "",
        "own": own,
        "floors": {one.limit: one for one in limits.floors},
        "money_form": MoneyForm(portfolio=own),
        "challenge_form": ChallengeForm(user=user),
        "presets": [find_preset(name) for name in PRESETS],
        "goal": goal,
        "goal_title": title_of(goal) if goal is not None else "",
        "goal_form": _goal_form(own, now),
        "import_form": ImportForm(portfolio=own),
        "demo": find_demo(user),
        "demo_job": jobs.get(JobKind.DEMO),
        "import_job": imported,
        "imported": imported and said_of(imported, SHOWN_REFUSALS),
        "token_form": TokenForm(user=user),
        "sized": sized,
        "alert_form": TestAlertForm(user=user),
        "tested": None if tested is None else _test_context(tested, now),
    }


def _test_context(channel: AlertChannel, now: datetime) -> dict[str, Any]:
    poll = reverse("site:welcome-alert-result", args=[channel.pk])
    return {**test_of(channel, now), "poll": poll}


def _shown_jobs(user: User) -> Any:
    kinds = (JobKind.DEMO, JobKind.IMPORT)
    return UserJob.objects.filter(user_id=user.username, kind__in=kinds)


def _jobs_of(user: User) -> dict[str, UserJob]:
    """The newest of each kind."""
    newest = _shown_jobs(user).order_by("kind", "-job_id").distinct("kind")
    return {one.kind: one for one in newest}
