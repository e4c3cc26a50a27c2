"""A project's admin site with models of its own that point to customers."""

from __future__ import annotations

from django.contrib import admin
from django.db import models
from django.urls import path

from django_twocheckout.admin import CustomerAdmin, CustomerStateMixin
from django_twocheckout.models import Customer

from ..shop.models import Member, Order
from ..urls import urlpatterns as usual


class Parcel(models.Model):
    """Reaches a customer by way of its order. It has no table."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, null=True, on_delete=models.DO_NOTHING, db_constraint=False)

    class Meta:
        app_label = "shop"
        managed = False

    def __str__(self) -> str:
        return "parcel"


class OrderAdmin(CustomerStateMixin, admin.ModelAdmin):
    list_display = ["id", "customer_state"]
    readonly_fields = ["customer_state"]


class ParcelAdmin(CustomerStateMixin):
    customer_field = "order__customer"


office = admin.AdminSite("office")
office.register(Customer, CustomerAdmin)
office.register(Order, OrderAdmin)
office.register(Member)
office.register(Parcel, ParcelAdmin)

urlpatterns = [*usual, path("office/", office.urls)]
