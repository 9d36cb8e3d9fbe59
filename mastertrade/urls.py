"""Every address of the site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from mastertrade.api_docs import DocsView, SchemaView

api: list[URLPattern | URLResolver] = [
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    path("", include("goals.urls")),
    path("", include("trades.urls")),  # strategies/performance/ is no strategy
    path("", include("strategies.urls")),
]

handler404 = "mastertrade.api.answer_unknown_address"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include(api)),
    path("", include("mastertrade.dashboard.urls")),
]
