from django.urls import include, path

from shop import views

urlpatterns = [
    path("sign-up/", views.sign_up, name="sign-up"),
    path("move/<int:pk>/", views.move, name="move"),
    path("2checkout/", include("django_twocheckout.urls")),
]
