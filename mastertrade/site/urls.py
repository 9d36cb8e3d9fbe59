"""The pages of the site."""

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from mastertrade.site.deposits import deposit
from mastertrade.site.sign_in import PasswordView
from mastertrade.site.views import home

app_name = "dashboard"
urlpatterns = [
    path("", home, name="home"),
    path("portfolios/<int:portfolio_id>/deposit/", deposit, name="deposit"),
    path("password/", login_required(PasswordView.as_view()), name="password"),
    path(
        "login/",
        LoginView.as_view(
            template_name="dashboard/login.html", redirect_authenticated_user=True
        ),
        name="login",
    ),
    path(
        "logout/",
        LogoutView.as_view(next_page="dashboard:login"),
        name="logout",
    ),
]
