from django.urls import include, path

urlpatterns = [path("2checkout/", include("django_twocheckout.urls"))]
