"""Django's entry to the rivals."""

from django.apps import AppConfig
from django.db.models.signals import post_save


class Rivals(AppConfig):
    name = "benchmarks.rivals"
    label = "rivals"

    def ready(self):
        from .models import Naive
        from .tasks import push_after_commit

        post_save.connect(push_after_commit, sender=Naive)
