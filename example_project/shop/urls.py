from django.urls import path

from . import views

app_name = "shop"
urlpatterns = [
    path("", views.accounts, name="accounts"),
    path("sign-up/", views.sign_up, name="sign-up"),
    path("accounts/<int:pk>/", views.account, name="account"),
    path("accounts/<int:pk>/buy/", views.buy, name="buy"),
    path("accounts/<int:pk>/at-2checkout/", views.at_2checkout, name="at-2checkout"),
]
