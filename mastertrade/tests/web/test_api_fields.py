"""Bodies of one kind share no field, however their fields come about."""

from rest_framework import serializers

from mastertrade.web.api_fields import StrictSerializer


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


def test_fields_speak_plainly_alone_in_lists_and_in_parts():
    body = Whole(data={"note": "long", "names": ["long"], "parts": [{"note": "long"}]})

    assert not body.is_valid()

    said = {"Must have at most 3 characters."}
    assert set(body.errors["note"]) == said
    assert set(body.errors["names"][0]) == said
    assert set(body.errors["parts"][0]["note"]) == said
