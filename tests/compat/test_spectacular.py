"""What drf-spectacular tells a project's clients about our serializer."""

from __future__ import annotations

import warnings

from django.urls import path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from rest_framework.generics import RetrieveAPIView

from django_twocheckout.models import Customer
from django_twocheckout.wire import CustomerInformationSerializer


class View(RetrieveAPIView):
    queryset = Customer.objects.all()
    serializer_class = CustomerInformationSerializer


def test_schema(settings):
    settings.REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
    View.schema = __import__("drf_spectacular.openapi", fromlist=["AutoSchema"]).AutoSchema()
    GENERATOR_STATS.reset()
    with warnings.catch_warnings():
        schema = SchemaGenerator(patterns=[path("customers/<int:pk>/", View.as_view())]).get_schema(public=True)
    assert not GENERATOR_STATS
    components = schema["components"]["schemas"]
    properties = components["CustomerInformation"]["properties"]
    assert properties["ExistingCards"]["type"] == "array"
    assert properties["ExistingCards"]["items"]["properties"] == {
        name: {"type": "string"} for name in ("CardType", "LastDigits", "Expiry")
    }
    credit = components["Credit"]["properties"]
    assert [credit[name]["type"] for name in ("Limit", "Remaining", "Currency")] == ["number", "number", "string"]
    assert [properties[name]["type"] for name in ("Enabled", "Email", "CountryCode")] == ["boolean", "string", "string"]
