"""Every address of the site."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from mastertrade.web.api_docs import DocsView, SchemaView

api: list[URLPattern | URLResolver] = [
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    path("", include("goals.api.urls")),
    path("", include("trades.api.urls")),  # strategies/performance/ is no strategy
    path("", include("strategies.api.urls")),
]

handler400 = "mastertrade.web.error_pages.answer_bad_request"
handler403 = "mastertrade.web.error_pages.answer_forbidden"
handler404 = "mastertrade.web.error_pages.answer_unknown_address"
handler500 = "mastertrade.web.error_pages.answer_failure"

urlpatterns = [
    path("favicon.ico", RedirectView.as_view(url=static("site/icon.svg"))),
    path("admin/", admin.site.urls),
    path("api/", include(api)),
    path("", include("mastertrade.site.urls")),
]
