"""The API's description, made once a process, and the page that shows it."""

import threading
from functools import cache
from typing import Any

from django.http import HttpResponse, JsonResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.views import APIView

# It takes a second of work, and its library cannot do it in two threads at once.
_making = threading.Lock()


class _JsonErrors(APIView):
    """A refusal is JSON, whatever the view answers otherwise."""

    def handle_exception(self, exc: Exception) -> Any:
        refused = super().handle_exception(exc)
        answer = JsonResponse(refused.data, status=refused.status_code)
        for name in refused.headers.keys() - answer.headers.keys():
            answer[name] = refused[name]
        return answer


class SchemaView(_JsonErrors, SpectacularAPIView):
    """OpenAPI as YAML or JSON, by what is accepted or by `?format=`."""

    parameters = None

    def _get_schema_response(self, request: Request) -> HttpResponse:
        renderer: Any = request.accepted_renderer
        with _making:
            content = _rendered(renderer.__class__)
        return HttpResponse(content, content_type=renderer.media_type)


class DocsView(_JsonErrors, SpectacularSwaggerView):
    """Swagger UI without a line of script or style in the page."""

    parameters = None
    template_name = "api_docs.html"


@cache
def _schema() -> Any:
    generator: Any = SchemaGenerator
    return generator().get_schema(request=None, public=True)


@cache
def _rendered(renderer: Any) -> bytes:
    content: bytes = renderer().render(_schema(), renderer_context={})
    return content
