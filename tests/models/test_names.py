"""Names in the database."""

from __future__ import annotations

from collections import Counter

import pytest
from django.apps import apps
from django.db import models

MODELS = list(apps.get_app_config("twocheckout").get_models())


def test_tables_indexes_and_unique_constraints_have_a_name_each():
    """On PostgreSQL they are all relations of one schema, and so are their names."""
    ours = apps.get_app_config("twocheckout").get_models(include_auto_created=True)
    metas = [model._meta for model in ours if not model._meta.proxy]
    names = Counter(
        [meta.db_table for meta in metas]
        + [index.name for meta in metas for index in meta.indexes]
        + [one.name for meta in metas for one in meta.constraints if isinstance(one, models.UniqueConstraint)]
    )
    assert names
    assert [name for name, number in names.items() if number > 1] == []


@pytest.mark.parametrize("model", MODELS)
def test_no_key_is_0_by_default(model):
    """MariaDB and MySQL take 0 for a key to be made."""
    keys = [field for field in model._meta.concrete_fields if field.primary_key or isinstance(field, models.ForeignKey)]
    assert [field.name for field in keys if field.default == 0] == []
