"""Two models with exactly the columns and indexes of ``Customer``, whatever those are: one plain, one naive."""

from __future__ import annotations

from django.db import models

from django_twocheckout.models import Customer


def like_customer(name: str) -> type[models.Model]:
    """A model with the columns and indexes of ``Customer`` and nothing else of it."""
    fields = {field.name: field.clone() for field in Customer._meta.local_fields if not field.primary_key}
    indexes = [index.clone() for index in Customer._meta.indexes]
    for number, index in enumerate(indexes):
        index.name = f"{name.lower()}_{number}"
    meta = type("Meta", (), {"app_label": "rivals", "indexes": indexes})
    return type(name, (models.Model,), {"__module__": __name__, "Meta": meta, **fields})


#: Saved by Django alone.
Plain = like_customer("Plain")
#: Saved, and pushed by :mod:`.tasks`.
Naive = like_customer("Naive")
