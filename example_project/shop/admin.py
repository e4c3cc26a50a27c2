from django.contrib import admin

from django_twocheckout.admin import CustomerStateMixin

from .models import Account


@admin.register(Account)
class AccountAdmin(CustomerStateMixin, admin.ModelAdmin):
    list_display = ["nickname", "customer", "customer_state", "joined_at"]
    list_filter = ["customer__sync_state"]
    list_select_related = ["customer"]
    raw_id_fields = ["customer"]
    readonly_fields = ["customer_state"]
