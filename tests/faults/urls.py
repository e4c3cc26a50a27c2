"""The addresses for 2Checkout's notifications."""

from django.urls import include, path

urlpatterns = [path("", include("django_twocheckout.urls"))]
