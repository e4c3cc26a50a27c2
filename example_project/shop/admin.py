from django.contrib import admin

from .models import Account


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    list_display = ["nickname", "customer", "joined_at"]
    list_select_related = ["customer"]
    raw_id_fields = ["customer"]
