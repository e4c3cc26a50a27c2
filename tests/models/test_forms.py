from __future__ import annotations

from django.forms import modelform_factory

from django_twocheckout.models import Customer


def test_form__offers_and_writes_nothing_of_the_engine_s(pushed):
    form_class = modelform_factory(Customer, fields="__all__")
    assert set(form_class.base_fields) == Customer.PUSHED_FIELDS
    opened = form_class(instance=Customer.objects.get())
    posted = {name: opened[name].value() for name in opened.fields} | {
        "city": "Paris", "sync_state": "synced", "customer_reference": "7", "enabled": "on", "existing_cards": "[]"
    }  # fmt: skip
    Customer.objects.update_unmarked(
        sync_state="failed", sync_error="No.", error_code="X", existing_cards=[{"type": "Visa"}]
    )
    before = Customer.objects.values("customer_reference", "enabled", "existing_cards", "acknowledged").get()

    form_class(posted, instance=Customer.objects.get()).save()

    row = Customer.objects.get()
    assert (row.city, row.sync_state, row.sync_error) == ("Paris", "pending", "")
    assert {name: getattr(row, name) for name in before} == before
