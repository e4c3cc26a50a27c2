"""What the API's OpenAPI schema says beyond the code, for drf-spectacular. Imported only where that is installed.

It annotates the view and the serializers from outside, so the API itself does not need the package (extra
``api-docs``). A project's subclass of the view is annotated too.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiViewExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, extend_schema, extend_schema_view
from rest_framework import serializers

from ..countries import COUNTRY_CODES
from .filters import CustomerFilter, StatusQuery
from .serializers import (
    AccountLinkSerializer,
    AccountPageSerializer,
    CardChoiceSerializer,
    CardSerializer,
    CheckoutParametersSerializer,
    CustomerWriteSerializer,
    DifferenceSerializer,
    StatusSerializer,
    SubscriptionSerializer,
)
from .strict import StrictSerializer, Text

#: Django REST framework refuses a NUL everywhere, and cuts off what Python calls a blank.
_ANY_TEXT = r"^[^\x00]*$"
_SOME_TEXT = r"^[^\x00]*[^\s\x00\x1c-\x1f\x85][^\x00]*$"
_LANGUAGE = r"^([A-Za-z]{2}([-_][A-Za-z]{2})?)?$"
_LANGUAGE_OF_PAGE = r"^[A-Za-z]{2}([-_][A-Za-z0-9_-]*)?$"


class Problem(serializers.Serializer[Any]):
    """Why a request was not answered, in words."""

    detail = serializers.CharField()


class InvalidRequest(serializers.Serializer[Any]):
    """What is wrong with the request, in words: by field, or as ``detail``."""


class TroubleAnswer(serializers.Serializer[Any]):
    """Why 2Checkout did not do it: in its words or ours, with its code or our error's name."""

    detail = serializers.CharField()
    code = serializers.CharField()
    subscriptions = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Those that need the card which was not deleted."
    )


class AnyNames(OpenApiSerializerExtension):
    """An object with any names."""

    target_class = InvalidRequest

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": {}, "description": InvalidRequest.__doc__}


class Strict(OpenApiSerializerExtension):
    """What is taken, as strictly as it is checked."""

    target_class = StrictSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        schema["additionalProperties"] = False
        for name, field in self.target.fields.items():
            if isinstance(field, Text):
                schema["properties"][name] |= _text(name, field)
        return schema


def _text(name: str, field: Text) -> dict[str, Any]:
    if name == "country_code" and isinstance(field.parent, CustomerWriteSerializer):
        return {"enum": sorted(COUNTRY_CODES)}
    if name == "language":
        return {"pattern": _LANGUAGE if field.allow_blank else _LANGUAGE_OF_PAGE}
    if field.allow_blank:
        return {"pattern": _ANY_TEXT}
    return {"pattern": _SOME_TEXT, "minLength": 1}


class Customers(OpenApiViewExtension):
    """The view with its answers."""

    target_class = "django_twocheckout.api.views.CustomerViewSet"
    match_subclasses = True

    def view_replacement(self) -> Any:
        view: Any = type(self.target.__name__, (self.target,), {"__doc__": self.target.__doc__})
        read = view.serializer_class
        backends = [backend for backend in view.filter_backends if issubclass(backend, CustomerFilter)]
        parameters = [backend.query_class for backend in backends]
        methods = {
            "list": extend_schema(parameters=parameters, responses=_answers(200, read(many=True))),
            "retrieve": extend_schema(responses=_answers(200, read)),
            "create": extend_schema(responses=_answers(201, read, 409, 413, 415, 503)),
            "partial_update": extend_schema(responses=_answers(200, read, 409, 413, 415, 503)),
            "status": extend_schema(parameters=[StatusQuery], responses=_answers(200, StatusSerializer, 503)),
            "push": extend_schema(request=None, responses=_live(read) | {202: read}),
            "pull": extend_schema(request=None, responses=_live(read)),
            "compare": extend_schema(responses=_live(DifferenceSerializer(many=True))),
            "cards": extend_schema(responses=_live(CardSerializer(many=True))),
            "checkout_parameters": extend_schema(
                request=None, responses=_answers(200, CheckoutParametersSerializer, 409, 503)
            ),
            "account_link": extend_schema(
                request=AccountPageSerializer, responses=_live(AccountLinkSerializer, 413, 415)
            ),
            "subscriptions": extend_schema(responses=_live(SubscriptionSerializer(many=True))),
            "delete_card": extend_schema(request=CardChoiceSerializer, responses=_live(read, 413, 415)),
        }
        # A project may have left some out.
        there = {name: schema for name, schema in methods.items() if getattr(view, name, None)}
        return extend_schema_view(**there)(view)


def _answers(status: int, answer: Any, *others: int) -> dict[int, Any]:
    problems = dict.fromkeys((401, 403, 404, 406, 429), Problem)
    return {status: answer, 400: InvalidRequest, **problems, **{number: _problem(number) for number in others}}


def _live(answer: Any, *others: int) -> dict[int, Any]:
    return _answers(200, answer, 409, 410, 502, 503, *others)


def _problem(status: int) -> type[serializers.Serializer[Any]]:
    return Problem if status in (413, 415) else TroubleAnswer
