"""The addresses for 2Checkout's notifications: ``path("2checkout/", include("django_twocheckout.urls"))``."""

from __future__ import annotations

from django.urls import path

from .webhooks import views

app_name = "twocheckout"

urlpatterns = [
    path("ipn/", views.ipn, name="ipn"),
    path("ipn/<slug:account>/", views.ipn, name="ipn"),
    path("lcn/", views.lcn, name="lcn"),
    path("lcn/<slug:account>/", views.lcn, name="lcn"),
]
