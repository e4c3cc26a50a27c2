"""Two models with the columns, indexes and constraints of ``Customer``, whatever those are: one plain, one naive.

And two models of a project's own objects, alike but that the one is mirrored, where a measure registers its mirror.
"""

from __future__ import annotations

from django.db import models

from django_twocheckout.mirrors import MirroredQuerySet
from django_twocheckout.models import Customer


def like_customer(name: str) -> type[models.Model]:
    """A model with the columns, indexes and constraints of ``Customer`` and nothing else of it."""
    fields = {field.name: field.clone() for field in Customer._meta.local_fields if not field.primary_key}
    indexes = [index.clone() for index in Customer._meta.indexes]
    for number, index in enumerate(indexes):
        index.name = f"{name.lower()}_{number}"
    constraints = [constraint.clone() for constraint in Customer._meta.constraints]
    for number, constraint in enumerate(constraints):
        constraint.name = f"{name.lower()}_constraint_{number}"
    meta = type("Meta", (), {"app_label": "rivals", "indexes": indexes, "constraints": constraints})
    return type(name, (models.Model,), {"__module__": __name__, "Meta": meta, **fields})


#: Saved by Django alone.
Plain = like_customer("Plain")
#: Saved, and pushed by :mod:`.tasks`.
Naive = like_customer("Naive")


class Shopper(models.Model):
    """An object of a project, with what a customer gets from it, and a note that no customer gets."""

    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    email = models.EmailField()
    phone = models.CharField(max_length=50)
    city = models.CharField(max_length=100)
    country_code = models.CharField(max_length=2)
    note = models.CharField(max_length=100, default="")
    customer = models.OneToOneField(Customer, models.SET_NULL, null=True, related_name="+")

    class Meta:
        abstract = True


class Mirrored(Shopper):
    """Its mirror makes its customer; see :mod:`benchmarks.inside.mirroring`."""

    objects = MirroredQuerySet.as_manager()

    class Meta:
        app_label = "rivals"


class Unmirrored(Shopper):
    """The same without a mirror."""

    class Meta:
        app_label = "rivals"
