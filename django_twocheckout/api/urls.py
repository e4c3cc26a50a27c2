"""The addresses of the REST API: ``path("api/2checkout/", include("django_twocheckout.api.urls"))``."""

from __future__ import annotations

from importlib import import_module

from django.apps import apps
from rest_framework.routers import SimpleRouter

from .views import CustomerViewSet

app_name = "twocheckout-api"

router = SimpleRouter()
router.register("customers", CustomerViewSet, basename="customer")

urlpatterns = router.urls

if apps.is_installed("drf_spectacular"):
    import_module(f"{__package__}.schema")  # registers what the schema says beyond the code
