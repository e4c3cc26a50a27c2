"""Other admin sites than Django's own: a second one, one without jobs, with a proxy, and with mirrored objects."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.urls import path

from django_twocheckout.admin import CustomerAdmin, JobAdmin
from django_twocheckout.models import Customer, Job

from ..project import Vip
from ..shop.models import Buyer
from ..urls import urlpatterns as usual

backoffice, kiosk, club, shop = AdminSite("backoffice"), AdminSite("kiosk"), AdminSite("club"), AdminSite("shop")
backoffice.register(Customer, CustomerAdmin)
backoffice.register(Job, JobAdmin)
kiosk.register(Customer, CustomerAdmin)
club.register(Vip, CustomerAdmin)
shop.register(Customer, CustomerAdmin)
shop.register(Buyer)

urlpatterns = [*usual, *(path(f"{site.name}/", site.urls) for site in (backoffice, kiosk, club, shop))]
