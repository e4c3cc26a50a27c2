"""The page of a job: how far it is, what did not work and why. It can be left, found again, stopped and continued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import router
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import sync, tasks
from ..models import Customer, Job, Verb
from .pages import Pages, people

#: Failures that are listed on the page.
LISTED = 100


@dataclass(frozen=True)
class Shown:
    """A job as pages show it."""

    job: Job
    title: str
    progress: sync.jobs.Progress


def title_of(job: Job) -> str:
    """What the job does, in words."""
    words = {
        Verb.PUSH: ngettext("Push %(count)d customer", "Push %(count)d customers", job.total),
        Verb.PULL: ngettext("Re-fetch %(count)d customer", "Re-fetch %(count)d customers", job.total),
    }
    return words[Verb(job.verb)] % {"count": job.total}


def under_way() -> list[Shown]:
    """The jobs that have not ended."""
    jobs = Job.objects.using(router.db_for_write(Job)).filter(ended_at=None).order_by("-pk")[:5]
    return [Shown(job, title_of(job), sync.jobs.progress(job)) for job in jobs]


class JobAdmin(Pages):
    """Nothing to edit: a list of what was asked for, and a page for each."""

    list_display = ["title", "asked_at", "person", "state"]
    list_per_page = 25
    ordering = ["-pk"]

    class Media:
        css = {"all": ["twocheckout/admin.css"]}

    # Whoever may see the customers may see what is being done with them, and whoever may push them may do it here.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        customers = self.sister(Customer)
        return customers is not None and customers.has_view_or_change_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def _may_work(self, request: HttpRequest, job: Job) -> bool:
        customers = self.sister(Customer)
        may = {Verb.PUSH: customers.has_push_permission, Verb.PULL: customers.has_pull_permission}[Verb(job.verb)]
        return bool(may(request))

    # The list.

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        # A replica may not have heard of a job that was just begun.
        return super().get_queryset(request).using(router.db_for_write(Job))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        names = people(job.user for job in changes.result_list)
        for job in changes.result_list:
            job.person = names.get(job.user, "-")
        return changes

    @admin.display(description=gettext_lazy("job"))
    def title(self, job: Job) -> str:
        return title_of(job)

    @admin.display(description=gettext_lazy("asked by"))
    def person(self, job: Any) -> str:
        return str(job.person)

    @admin.display(description=gettext_lazy("state"))
    def state(self, job: Job) -> str:
        if job.stopped:
            return _("stopped")
        return _("ended") if job.ended_at else _("under way")

    # The page, and its two buttons.

    def get_urls(self) -> list[Any]:
        stop = self.button(self.stop_view, back="change")
        go_on = self.button(self.continue_view, back="change")
        return [
            path("<path:object_id>/stop/", stop, name=self.address_name("stop")),
            path("<path:object_id>/continue/", go_on, name=self.address_name("continue")),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        job = self._job_or_404(request, object_id)
        progress = sync.jobs.progress(job)
        failures = sync.jobs.failures(job, LISTED) if progress.failed else []
        # Whoever is no longer here, or not this person's to see, is only counted.
        customers = self.sister(Customer).get_queryset(request).in_bulk([failure.pk for failure in failures])
        shown = [(customers[failure.pk], failure) for failure in failures if failure.pk in customers]
        return self.page(
            request,
            "job/progress.html",
            title_of(job),
            job=job,
            person=people([job.user]).get(job.user, "-"),
            progress=progress,
            failures=shown,
            more_failures=max(progress.failed - len(shown), 0),
            account=None if job.ended_at else sync.look(job._state.db),
            may_work=self._may_work(request, job),
            may_resume=self.sister(Customer).has_push_permission(request),
            customer_opts=self.sister(Customer).opts,
        )

    def _job_or_404(self, request: HttpRequest, object_id: str) -> Job:
        if not self.has_view_permission(request):
            raise PermissionDenied
        job: Job | None = self.get_object(request, unquote(object_id))
        if job is None:
            raise Http404
        return job

    def _job_to_work_on(self, request: HttpRequest, object_id: str) -> Job:
        job = self._job_or_404(request, object_id)
        if not self._may_work(request, job):
            raise PermissionDenied
        return job

    def stop_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        job = self._job_to_work_on(request, object_id)
        if sync.jobs.stop(job):
            self.log_change(request, job, _("Stopped."))
            self.message_user(request, _("Stopped; what has been done stays done."), messages.SUCCESS)
        else:
            self.message_user(request, _("It had ended already."), messages.INFO)
        return redirect(self.address("change", job.pk))

    def continue_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        job = self._job_to_work_on(request, object_id)
        if tasks.enqueue(tasks.work_off, job.pk, database=job._state.db):
            self.message_user(request, _("A worker has been asked to go on."), messages.SUCCESS)
        else:
            self.message_user(request, _("The broker does not answer; the next sweep goes on."), messages.WARNING)
        return redirect(self.address("change", job.pk))
