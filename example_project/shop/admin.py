from django.contrib import admin

from django_twocheckout.admin import CustomerStateMixin

from .models import Account


@admin.register(Account)
class AccountAdmin(CustomerStateMixin, admin.ModelAdmin):
    list_display = ["nickname", "first_name", "last_name", "customer", "customer_state", "joined_at"]
    list_filter = ["customer__sync_state"]
    list_select_related = ["customer"]
    readonly_fields = ["customer", "customer_state"]
