"""Invitations: who may add users sends a link, and whoever has it makes an account."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.forms import UserCreationForm
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMessage
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from goals.models import Invitation, User
from goals.services.invitations import (
    MOST_DAYS,
    accept_invitation,
    find_invitation,
    invite,
    may_invite,
    revoke_invitation,
)
from mastertrade.site.addresses import full_address
from mastertrade.site.shell import page
from mastertrade.site.sign_in import count_visit
from mastertrade.values.exceptions import NotFound, TooManyTokens
from mastertrade.web.mail import send_within

# Where the link's token waits, out of the address, until the form comes back.
HELD = "invitation"
MOST_SHOWN = 100
# Whoever waits for the page sees the link itself after it.
MAIL_SECONDS = 4.0


class InviteForm(forms.Form):
    email = forms.EmailField(
        required=False,
        label="E-mail",
        help_text="Whom it is for; it becomes the account's e-mail. May be empty.",
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=MOST_DAYS,
        initial=7,
        label="Days that it is open",
    )


class AcceptForm(UserCreationForm):  # type: ignore[type-arg]
    """Django's: a name that nobody has, and a password that its validators take."""

    class Meta:
        model = User
        fields = ("username",)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@page
def invitations(request: HttpRequest) -> HttpResponse:
    """Where no mail is sent, the answer to a POST holds the link, this once."""
    user, now = _inviting(request), timezone.now()
    form, link = InviteForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            made, token = invite(by=user, now=now, **form.cleaned_data)
        except TooManyTokens as error:
            form.add_error(None, error.detail)
        else:
            address = full_address(request, reverse("site:invitation", args=[token]))
            if _send(user, made, address):
                messages.success(request, f"The link is sent to {made.email}.")
                return redirect("site:invitations")
            form, link = InviteForm(), address
    context = {
        "form": form,
        "link": link,
        "has_mail": settings.HAS_MAIL,
        "invitations": _listed(user, now),
    }
    status = 422 if form.errors else 200
    return render(request, "site/settings/invitations.html", context, status=status)


@require_POST
@page
def revoke(request: HttpRequest, invitation_id: int) -> HttpResponse:
    try:
        revoke_invitation(by=_inviting(request), invitation_id=invitation_id)
    except NotFound as error:
        raise Http404 from error
    messages.success(request, "Revoked: its link works no longer.")
    return redirect("site:invitations")


@require_safe
@never_cache
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """The token goes into the session, so that no address or referrer shows it."""
    count_visit(request, HELD)
    try:
        find_invitation(token, timezone.now())
    except NotFound as error:
        return _not_valid(request, error)
    request.session[HELD] = token
    return redirect("site:invitation-accept")


@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def accept(request: HttpRequest) -> HttpResponse:
    """Name and password; then the account is there and signed in."""
    if request.method == "POST":
        count_visit(request, HELD)
    now, token = timezone.now(), str(request.session.get(HELD, ""))
    try:
        invitation = find_invitation(token, now)
        form = AcceptForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            user = _accept(form, token, now)
            if user is not None:
                login(request, user)
                request.session.pop(HELD, None)
                messages.success(request, f"Welcome, {user.get_username()}.")
                return redirect("site:welcome")
    except NotFound as error:
        request.session.pop(HELD, None)
        return _not_valid(request, error)
    context = {"form": form, "invitation": invitation}
    status = 422 if form.errors else 200
    return render(request, "site/accept_invitation.html", context, status=status)


def _accept(form: AcceptForm, token: str, now: datetime) -> User | None:
    """None where somebody else has just taken the name."""
    given = form.cleaned_data
    try:
        return accept_invitation(
            token=token,
            username=given["username"],
            password=given["password1"],
            now=now,
        )
    except IntegrityError:
        form.add_error("username", "A user with that username already exists.")
        return None


def _inviting(request: HttpRequest) -> User:
    if not may_invite(request.user):
        raise PermissionDenied
    return cast(User, request.user)


def _listed(user: User, now: datetime) -> list[Invitation]:
    mine = Invitation.objects.filter(invited_by=user).order_by("-invitation_id")
    listed = list(mine[:MOST_SHOWN])
    for one in listed:
        waits = one.accepted_at is None
        one.is_open = waits and one.expires_at > now  # type: ignore[attr-defined]
    return listed


def _send(user: User, invitation: Invitation, link: str) -> bool:
    """Whether the mail server took the link; False where there is none, or no mail."""
    if not invitation.email or not settings.HAS_MAIL:
        return False
    context: dict[str, Any] = {
        "by": user.get_username(),
        "link": link,
        "until": invitation.expires_at,
    }
    text = render_to_string("accounts/invitation.txt", context)
    try:
        mail = EmailMessage("An account at MasterTrade", text, to=[invitation.email])
        send_within(mail, MAIL_SECONDS)
    except OSError:  # of smtplib too: the page then shows the link itself
        return False
    return True


def _not_valid(request: HttpRequest, error: NotFound) -> HttpResponse:
    context = {"words": error.detail}
    return render(request, "site/no_invitation.html", context, status=404)
