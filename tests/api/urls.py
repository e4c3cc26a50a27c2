from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from django_twocheckout.api.permissions import CustomerPermissions
from django_twocheckout.api.views import CustomerViewSet


class FrenchCustomers(CustomerViewSet):
    """A project's own view for those who see a part of the customers."""

    def get_queryset(self):
        return super().get_queryset().filter(country_code="FR")


class SinglePermissions(CustomerPermissions):
    """Permissions of single customers, as django-guardian's backend gives them."""

    def has_object_permission(self, request, view, obj):
        return request.user.has_perms(self.required(request, view), obj)


class SingleCustomers(CustomerViewSet):
    permission_classes = [SinglePermissions]


class CustomersWithoutStatus(CustomerViewSet):
    status = None


router = SimpleRouter()
router.register("french", FrenchCustomers, basename="french")
router.register("quiet", CustomersWithoutStatus, basename="quiet")
router.register("single", SingleCustomers, basename="single")

urlpatterns = [
    path("2checkout/", include("django_twocheckout.urls")),
    path("api/", include("django_twocheckout.api.urls")),
    path("", include(router.urls)),
]
