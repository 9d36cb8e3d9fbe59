"""Importing a file: chosen, its columns mapped, looked at, imported, undone."""

from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    conditional_page,
    require_http_methods,
    require_POST,
    require_safe,
)

from goals.models import Portfolio, User
from mastertrade.db.transactions import atomic_for_long
from mastertrade.site.figures import show
from mastertrade.site.forms import CallForm
from mastertrade.site.import_choices import (
    OPTIONS,
    WORDS,
    Columns,
    arguments_of,
    first_choices,
    in_import_words,
    map_columns,
    portfolio_of,
    read_choices,
    require_strategy,
    said_of,
    show_columns,
)
from mastertrade.site.shell import choose_portfolio, page, portfolios_of
from mastertrade.values.exceptions import DomainError, InvalidInput, NotFound
from trades.booking.undo_import import UndoneImport, undo_import
from trades.enums import JobKind
from trades.importing.estimating import estimate_rows, estimate_seconds
from trades.importing.formats import FORMATS
from trades.importing.formats.mapped import MAPPED
from trades.importing.import_trades import preview_trades
from trades.importing.mapped.mapping import read_mapping
from trades.importing.options import read_options
from trades.importing.previewing import ImportPreview
from trades.models import ImportMapping, ImportUpload, TradeImport, UserJob
from trades.services.mappings import delete_mapping, save_mapping
from trades.services.uploads import (
    find_upload,
    import_upload,
    keep_choices,
    path_of,
    read_head,
    save_upload,
    whole_lines,
)

MOST_IMPORTS, MOST_MAPPINGS = 20, 100
# What a page may take to look at every row; a longer file is imported without.
PREVIEW_SECONDS = 5
SHOWN_REFUSALS = 100
FIRST, CHECK, WORK, DONE = 1, 2, 3, 4
STEPS = ("File", "Columns and preview", "Import", "What it did")


class FileForm(CallForm):
    """A file of trades, and where they go."""

    file = forms.FileField(label="File", error_messages={"empty": "The file is empty."})
    portfolio = forms.ModelChoiceField(
        label="Into", queryset=Portfolio.objects.none(), empty_label=None
    )
    strategy_id = forms.CharField(
        label="Strategy of trades that name none",
        max_length=100,
        initial="manual",
        help_text="Made where you have none of that name.",
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        into = cast(Any, self.fields["portfolio"])
        into.queryset = portfolios_of(owner)
        into.label_from_instance = lambda one: f"{one.name}, {one.currency}"

    def save(self, now: datetime) -> ImportUpload | None:
        return self.call(self._save, now=now) if self.is_valid() else None

    def _save(self, now: datetime) -> ImportUpload:
        file, portfolio = self.cleaned_data["file"], self.cleaned_data["portfolio"]
        strategy = self.cleaned_data["strategy_id"]
        head = whole_lines(file)
        choices = first_choices(portfolio, strategy, head)
        with transaction.atomic():  # made by the import; a wrong name is told now
            require_strategy(portfolio, strategy, now)
            transaction.set_rollback(True)
        return save_upload(user=self.owner, file=file, choices=choices, now=now)


@require_http_methods(["GET", "POST"])
@never_cache
@page
def choose_file(request: HttpRequest) -> HttpResponse:
    """GET and POST /trades/import/: the first step, and what was imported before."""
    user = cast(User, request.user)
    portfolio, mine = choose_portfolio(request)
    if portfolio is None:
        return render(request, "site/import.html", {"portfolio": None, "steps": STEPS})
    if request.method == "POST":
        form = FileForm(request.POST, request.FILES, owner=user)
        upload = form.save(timezone.now())
        if upload is not None:
            return redirect("site:import-check", upload.pk)
    else:
        form = FileForm(owner=user, initial={"portfolio": portfolio.pk})
    context = {
        "portfolio": portfolio,
        "portfolios": mine,
        "form": form,
        "step": FIRST,
        "steps": STEPS,
        "imports": _imports_of(user),
        "mappings": ImportMapping.objects.filter(user=user).order_by("name")[
            :MOST_MAPPINGS
        ],
        "upload": ImportUpload.objects.filter(user=user).first(),
        "formats": [one.words for one in FORMATS.values() if one is not MAPPED],
    }
    return render(
        request, "site/import.html", context, status=422 if form.errors else 200
    )


# As large as the API takes.
choose_file.body_limit = "upload"  # type: ignore[attr-defined]


def _imports_of(user: User) -> list[TradeImport]:
    mine = TradeImport.objects.filter(user=user).select_related("portfolio")
    return list(mine.order_by("-import_id")[:MOST_IMPORTS])


@require_http_methods(["GET", "POST"])
@never_cache
@page
def check_file(request: HttpRequest, upload_id: int) -> HttpResponse:
    """GET and POST /trades/import/{upload_id}/: columns and preview."""
    user, now = cast(User, request.user), timezone.now()
    try:
        upload = find_upload(user, upload_id, now)
    except NotFound as gone:
        if not ImportUpload.objects.filter(user=user).exists() or request.POST:
            messages.error(request, str(gone))
            return redirect("site:import")
        raise Http404 from gone
    if request.method == "GET":
        return _show(request, upload)
    try:
        done = _act(request, upload, now)
    except DomainError as refused:
        return _show(request, upload, wrong=refused)
    return done or redirect("site:import-check", upload.pk)


def _act(
    request: HttpRequest, upload: ImportUpload, now: datetime
) -> HttpResponse | None:
    """Keep what was chosen; with `import` have it imported."""
    asked = request.POST.get("do")
    if asked == "map":
        mapped = map_columns(portfolio_of(upload), read_head(upload))
        given = upload.choices["options"]  # a mapping has its own for the others
        options = {name: given[name] for name in OPTIONS if name in given}
        keep_choices(upload, {**upload.choices, "options": options, **mapped})
        return None
    keep_choices(upload, read_choices(upload, request.POST))
    if asked != "import":
        return None
    choices = upload.choices
    if choices["format"] == MAPPED.name:
        columns = show_columns(upload)
        if not columns.is_complete:
            raise InvalidInput("mapping", "is not complete: see what is asked for.")
        if columns.name:
            save_mapping(
                user=upload.user,
                name=columns.name,
                mapping=read_mapping(choices["mapping"]),
                now=now,
            )
    require_strategy(portfolio_of(upload), choices["strategy_id"], now)
    partial = "partial" in request.POST
    arguments = {**arguments_of(upload), "partial": partial}
    job = import_upload(upload=upload, arguments=arguments, now=now)
    return redirect("site:import-job", job.pk)


def _show(
    request: HttpRequest, upload: ImportUpload, wrong: DomainError | None = None
) -> HttpResponse:
    refusal = "" if wrong is None else in_import_words(wrong)
    columns, preview, is_long = None, None, False
    try:
        if upload.choices["format"] == MAPPED.name:
            columns = show_columns(upload)
        if columns is None or columns.is_complete:
            is_long = _is_long(upload)
            preview = None if is_long else _preview(upload)
    except DomainError as refused:
        refusal = refusal or in_import_words(refused)
    context = {
        **_context(upload, columns, preview),
        "refusal": refusal,
        "is_long": is_long,
        "seconds": PREVIEW_SECONDS,
        "can_import": preview is not None or is_long,
    }
    status = 422 if wrong is not None else 200
    return render(request, "site/import_check.html", context, status=status)


def _context(
    upload: ImportUpload, columns: Columns | None, preview: ImportPreview | None
) -> dict[str, Any]:
    options = upload.choices.get("options", {})
    return {
        "upload": upload,
        "portfolio": portfolio_of(upload),
        "options": options,
        "venue": options.get("venue") or (columns and columns.plain["venue"]),
        "format": FORMATS[upload.choices["format"]],
        "columns": columns,
        "date_orders": WORDS["date_order"],
        "preview": preview,
        "equity_after": preview and preview.equity + preview.profit,
        "blocks": preview is not None and preview.report.refused > 0,
        "step": CHECK,
        "steps": STEPS,
    }


def _is_long(upload: ImportUpload) -> bool:
    name = upload.choices["format"]
    rows = estimate_rows(read_head(upload), upload.size, name)
    return estimate_seconds(rows, name) > PREVIEW_SECONDS


@atomic_for_long
def _preview(upload: ImportUpload) -> ImportPreview:
    asked, now = arguments_of(upload), timezone.now()
    require_strategy(portfolio_of(upload), asked["strategy_id"], now)
    with path_of(upload).open("rb") as source:
        shown = preview_trades(
            user=upload.user,
            source=source,
            file_name=upload.file_name,
            format_name=asked["format"],
            now=now,
            portfolio=asked["portfolio"],
            options=read_options(asked),
        )
    transaction.set_rollback(True)
    rows = (replace(row, why=in_import_words(row.why)) for row in shown.rows)
    warnings = tuple(map(in_import_words, shown.report.warnings))
    report = replace(shown.report, warnings=warnings)
    return replace(shown, report=report, rows=tuple(rows))


@require_safe
@never_cache
@page
def import_job(request: HttpRequest, job_id: int) -> HttpResponse:
    """GET /trades/import/jobs/{job_id}/: how far it is, then what it did."""
    return render(request, "site/import_job.html", _job_context(request, job_id))


@require_safe
@conditional_page
@page
def import_progress(request: HttpRequest, job_id: int) -> HttpResponse:
    """The part of the page that is asked for again until the job has ended."""
    context = _job_context(request, job_id)
    answer = render(request, "site/parts/progress.html", context)
    if context["job"].has_ended:
        answer["HX-Refresh"] = "true"
    return answer


def _job_context(request: HttpRequest, job_id: int) -> dict[str, Any]:
    mine = UserJob.objects.filter(user_id=request.user.get_username())
    job = get_object_or_404(mine, pk=job_id, kind=JobKind.IMPORT)
    result = job.result or {}
    done = TradeImport.objects.filter(
        user_id=job.user_id, pk=result.get("import_id") or 0
    ).select_related("portfolio")
    return {
        "job": job,
        "poll": reverse("site:import-progress", args=[job.pk]),
        "result": result,
        **said_of(job, SHOWN_REFUSALS),
        "done": done.first(),
        "step": DONE if job.has_ended else WORK,
        "steps": STEPS,
    }


@require_POST
@page
def undo(request: HttpRequest, import_id: int) -> HttpResponse:
    """POST /trades/import/undo/{import_id}/: all its trades are void."""
    user = cast(User, request.user)
    try:
        undone = undo_import(user=user, import_id=import_id, now=timezone.now())
    except NotFound as unknown:
        raise Http404 from unknown
    except DomainError as refused:
        messages.error(request, show(refused.on_page))
    else:
        messages.success(request, _undone_words(undone))
    return redirect("site:import")


def _undone_words(undone: UndoneImport) -> str:
    name = undone.row.file_name
    if not undone.voided and not undone.restored:
        return f"{name} was undone before."
    words = f"{name} is undone: {_trades(undone.voided)} void."
    if undone.restored:
        words += f" {_trades(undone.restored)} open as before."
    return f"{words} The file may be imported again."


def _trades(count: int) -> str:
    return "1 trade is" if count == 1 else f"{count:,} trades are"


@require_POST
@page
def forget_mapping(request: HttpRequest, mapping_id: int) -> HttpResponse:
    """POST /trades/import/mappings/{mapping_id}/delete/."""
    try:
        delete_mapping(user=cast(User, request.user), mapping_id=mapping_id)
    except NotFound as unknown:
        raise Http404 from unknown
    messages.success(request, "The mapping is deleted. What came in by it stays.")
    return redirect("site:import")
