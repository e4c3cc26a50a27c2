"""A resource for django-import-export: the customer's own fields, without the engine's columns. Needs that package.

A text that a spreadsheet would take for a formula has an apostrophe before it in a file, and none in the row.
"""

from __future__ import annotations

import re
from typing import Any

from import_export import fields, resources

from .models import Customer

#: What a spreadsheet takes for a formula, with the apostrophes that it may have already.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


class CustomerResource(resources.ModelResource):
    """Exports customers, and imports changed and new ones. Imported changes are pushed like a save.

    Rows are found by ``id``; one without is a new customer. References and state of 2Checkout are exported alone.
    """

    customer_reference = fields.Field(attribute="customer_reference", column_name="customer_reference", readonly=True)
    sync_state = fields.Field(attribute="sync_state", column_name="sync_state", readonly=True)

    class Meta:
        model = Customer
        fields = ("id", "customer_reference", "sync_state", *sorted(Customer.PUSHED_FIELDS))
        export_order = fields
        import_id_fields = ("id",)
        skip_unchanged = True
        clean_model_instances = True

    def export_field(self, field: fields.Field, instance: Customer, **options: Any) -> Any:
        value = super().export_field(field, instance, **options)
        return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value

    def before_import_row(self, row: dict[str, Any], **options: Any) -> None:
        super().before_import_row(row, **options)
        for name, value in row.items():
            if isinstance(value, str) and value.startswith("'") and _FORMULA.match(value):
                row[name] = value[1:]
