from django.contrib import admin

from .models import Account


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    list_display = ["nickname", "first_name", "last_name", "customer", "joined_at"]
    list_select_related = ["customer"]
    readonly_fields = ["customer"]
