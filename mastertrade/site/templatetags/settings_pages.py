"""`{% load settings_pages %}`: the side list of the settings."""

from typing import Any

from django import template

from mastertrade.site.settings.index import sections_for

register = template.Library()


@register.simple_tag(takes_context=True)
def settings_sections(context: dict[str, Any]) -> list[tuple[str, str, str]]:
    return sections_for(context["request"].user)
