"""In which form an answer comes."""

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.settings import api_settings

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.messages import no_choice
from mastertrade.web.json_parser import shorten


class Negotiation(DefaultContentNegotiation):
    """`?format=` takes what there is; another one is bad input, not an unknown page.

    What is wrong with the form comes after credentials: 401, 404, then 406 or 400.
    """

    def select_renderer(
        self, request: Any, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except (InvalidInput, NotAcceptable):
            view = request.parser_context["view"]
            view.perform_authentication(request)
            view.check_permissions(request)
            raise

    def filter_renderers(self, renderers: Iterable[Any], format: str) -> list[Any]:
        renderers = list(renderers)
        known = list(dict.fromkeys(str(one.format) for one in renderers))
        if format not in known:
            name = str(api_settings.URL_FORMAT_OVERRIDE)
            raise InvalidInput(name, no_choice(shorten(format), known))
        return super().filter_renderers(renderers, format)
