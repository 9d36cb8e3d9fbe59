"""Deleting simulations and demos whole: asked first, then one transaction each."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from goals.admin import PortfolioAdmin
from goals.models import Portfolio
from mastertrade.values.exceptions import DomainError
from trades.services.deleting import DeletedReplay, delete_simulation

MOST_SHOWN = 50


def ask_first(
    model_admin: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    explanation: str,
    lines: Sequence[str],
) -> HttpResponse:
    """The page that asks whether what the lines name is to be deleted."""
    options = model_admin.model._meta
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Delete {options.verbose_name_plural}?",
        "explanation": explanation,
        "lines": lines[:MOST_SHOWN],
        "more": max(0, len(lines) - MOST_SHOWN),
        "list": reverse(f"admin:{options.app_label}_{options.model_name}_changelist"),
        "list_name": str(options.verbose_name_plural).capitalize(),
        "keys": request.POST.getlist(helpers.ACTION_CHECKBOX_NAME),
        "across": request.POST.get("select_across") == "1",
    }
    return TemplateResponse(request, "admin/trades/delete_whole.html", context)


def delete_each(
    model_admin: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    rows: QuerySet[Any],
    delete: Callable[[Any], DeletedReplay],
) -> None:
    """Delete them one by one: a refusal says why, the others go on."""
    deleted, name = [], str(model_admin.model._meta.verbose_name)
    for row in rows.order_by("pk"):
        try:
            deleted.append(delete(row))
        except DomainError as error:
            words = f"{name.capitalize()} {row.pk}: {error.detail}"
            model_admin.message_user(request, words, messages.ERROR)
    trades = sum(one.trades for one in deleted)
    words = f"Deleted: {len(deleted)}, with {trades} trades."
    model_admin.message_user(request, words, messages.SUCCESS)


@admin.action(
    description="Delete with all content (simulations and demos)",
    permissions=["delete_whole"],
)
def delete_whole(
    self: PortfolioAdmin, request: HttpRequest, queryset: QuerySet[Portfolio]
) -> HttpResponse | None:
    """With the other half, where it is part of a replay."""
    portfolios = queryset.select_related("user")
    if "confirmed" not in request.POST:
        explanation = (
            "This deletes simulations and demos with their goals, decisions and "
            "trades; of a replay, both portfolios and its report."
        )
        lines = [f"{one} ({one.kind})" for one in portfolios.order_by("pk")]
        return ask_first(self, request, explanation, lines)
    delete_each(
        self,
        request,
        portfolios,
        lambda one: delete_simulation(user=one.user, portfolio_id=one.pk),
    )
    return None


def _may_delete_whole(self: PortfolioAdmin, request: HttpRequest) -> bool:
    return request.user.has_perm("goals.delete_portfolio")


# A floor above: portfolios do not know who trades in them.
PortfolioAdmin.has_delete_whole_permission = _may_delete_whole  # type: ignore[attr-defined]
PortfolioAdmin.actions = (*PortfolioAdmin.actions, delete_whole)  # type: ignore[assignment]
