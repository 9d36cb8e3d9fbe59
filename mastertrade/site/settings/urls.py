"""Addresses below `/settings/`."""

from typing import Any

from django.urls import path

from mastertrade.site.settings import (
    account,
    data,
    invitations,
    portfolios,
    tokens,
    webhooks,
)
from mastertrade.site.settings.index import index
from mastertrade.site.shell import page
from mastertrade.site.sign_in import PasswordView

password: Any = PasswordView.as_view()
urlpatterns = [
    path("", index, name="settings"),
    path("portfolios/", portfolios.portfolios, name="portfolios"),
    path("portfolios/new/", portfolios.new_portfolio, name="portfolio-new"),
    path("portfolios/<int:portfolio_id>/", portfolios.portfolio, name="portfolio"),
    path(
        "portfolios/<int:portfolio_id>/in-money/",
        portfolios.preview,
        name="limits-in-money",
    ),
    path(
        "portfolios/<int:portfolio_id>/delete/",
        portfolios.delete_portfolio,
        name="portfolio-delete",
    ),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/revoke/", tokens.revoke_all_tokens, name="tokens-revoke"),
    path("tokens/<text:token_key>/revoke/", tokens.revoke_token, name="token-revoke"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path(
        "webhooks/<int:webhook_id>/revoke/",
        webhooks.revoke_webhook,
        name="webhook-revoke",
    ),
    path("account/", account.account, name="account"),
    path("account/password/", page(password), name="password"),
    path("account/sign-out/", account.sign_out_everywhere, name="sign-out-everywhere"),
    path("data/", data.data, name="data"),
    path("data/export/", data.export, name="export"),
    path("data/simulations/", data.drop_simulations, name="simulations-delete"),
    path("data/account/", data.drop_account, name="account-delete"),
    path("invitations/", invitations.invitations, name="invitations"),
    path(
        "invitations/<int:invitation_id>/revoke/",
        invitations.revoke,
        name="invitation-revoke",
    ),
]
