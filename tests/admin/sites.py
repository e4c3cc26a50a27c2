"""Other admin sites than Django's own: a second one, one without jobs, and one with a proxy in the customers' place."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.urls import path

from django_twocheckout.admin import CustomerAdmin, JobAdmin
from django_twocheckout.models import Customer, Job

from ..project import Vip
from ..urls import urlpatterns as usual

backoffice, kiosk, club = AdminSite("backoffice"), AdminSite("kiosk"), AdminSite("club")
backoffice.register(Customer, CustomerAdmin)
backoffice.register(Job, JobAdmin)
kiosk.register(Customer, CustomerAdmin)
club.register(Vip, CustomerAdmin)

urlpatterns = [*usual, *(path(f"{site.name}/", site.urls) for site in (backoffice, kiosk, club))]
