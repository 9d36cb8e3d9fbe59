"""Depositing and withdrawing on the site: one's own portfolios, by the service."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import modelform_factory
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from goals.admin import figures
from goals.admin.forms import CashFlowForm
from goals.models import CashFlow, Portfolio, User


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def deposit(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """GET asks for the amount, POST books it; another user's portfolio is a 404."""
    user = cast(User, request.user)
    mine = Portfolio.objects.select_related("user").filter(user_id=user.username)
    portfolio = get_object_or_404(mine, pk=portfolio_id, finished_at=None)
    asked = modelform_factory(CashFlow, form=CashFlowForm, fields=("amount",))
    call = {"now": timezone.now(), "by": user.username}
    form = type("DepositForm", (asked,), call)(
        request.POST or None, instance=CashFlow(portfolio=portfolio)
    )
    if request.method == "POST" and form.is_valid():
        amount = figures.number(form.instance.amount)
        words = f"Booked on {portfolio.name}: {amount} {portfolio.currency}."
        messages.success(request, words)
        return redirect("dashboard:home")
    equity = figures.money(portfolio.live_equity, portfolio.currency)
    context = {"portfolio": portfolio, "equity": equity, "form": form}
    return render(request, "dashboard/deposit.html", context)
