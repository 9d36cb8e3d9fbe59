"""`{% load site %}`: figures, icons and pills as the pages show them."""

from django import template

from mastertrade.site import figures
from mastertrade.site.figures import words
from mastertrade.site.sentences import factor
from mastertrade.values.in_text import after_colon

register = template.Library()
for name in (
    "money",
    "amount",
    "gain",
    "whole_gain",
    "price",
    "quantity",
    "number",
    "decimals",
    "places",
    "percent",
    "signed_percent",
    "fine_percent",
    "points",
    "chance",
    "chance_band",
    "small_chance",
    "when",
    "day",
    "ago",
    "show",
):
    register.filter(name, getattr(figures, name))
register.filter("words", words)
register.filter("after_colon", after_colon, is_safe=True)
register.filter("factor", factor)
register.simple_tag(figures.icon, name="icon")
register.simple_tag(figures.pill, name="pill")
