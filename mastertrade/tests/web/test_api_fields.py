"""Bodies of one kind share no field, however their fields come about."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from rest_framework import serializers

from mastertrade.web.api_fields import StrictSerializer, TrueOrFalseField


class Part(StrictSerializer):
    note = serializers.CharField(max_length=3)


class Whole(StrictSerializer):
    note = serializers.CharField(max_length=3)
    names = serializers.ListField(child=serializers.CharField(max_length=3))
    parts = Part(many=True)


def test_each_body_has_fields_of_its_own_that_know_it():
    first, second = Whole(), Whole()

    for name, field in first.fields.items():
        assert field is not second.fields[name]
        assert field.parent is first
        assert second.fields[name].parent is second


@pytest.mark.parametrize("sent", ["yes", "on", "t", "true", "", "1", 1, 0, 1.0, [], {}])
def test_only_true_and_false_are_true_or_false(sent: Any):
    with pytest.raises(serializers.ValidationError, match="boolean"):
        TrueOrFalseField().run_validation(sent)


@pytest.mark.parametrize("sent", [True, False])
def test_true_and_false_are_read(sent: bool):
    assert TrueOrFalseField().run_validation(sent) is sent


def test_no_body_has_another_field_of_true_and_false():
    import_module("mastertrade.urls")
    bodies = list(_all_of(StrictSerializer))
    assert len(bodies) > 20
    loose = [
        (body.__name__, name)
        for body in bodies
        for name, field in body().get_fields().items()
        if isinstance(field, serializers.BooleanField) and not field.read_only
        if not isinstance(field, TrueOrFalseField)
    ]
    assert loose == []


def _all_of(kind: type[Any]) -> Iterator[type[Any]]:
    for one in kind.__subclasses__():
        yield one
        yield from _all_of(one)


def test_fields_speak_plainly_alone_in_lists_and_in_parts():
    body = Whole(data={"note": "long", "names": ["long"], "parts": [{"note": "long"}]})

    assert not body.is_valid()

    said = {"Must have at most 3 characters."}
    assert set(body.errors["note"]) == said
    assert set(body.errors["names"][0]) == said
    assert set(body.errors["parts"][0]["note"]) == said
