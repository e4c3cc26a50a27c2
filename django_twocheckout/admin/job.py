"""The page of a job from ``flows.jobs``: its progress and its failures. A person can find, stop and continue it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import router
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import tasks
from ..flows import jobs
from ..models import Customer, Job, Verb
from ..redaction import redacted_repr
from . import accounts
from .base import PagedAdmin, banner, user_names, wake, woken

#: Failures listed on the page.
LISTED = 100


@dataclass(frozen=True)
class Shown:
    """A job as shown on pages."""

    job: Job
    title: str
    progress: jobs.Progress

    __repr__ = redacted_repr


def title_of(job: Job) -> str:
    """The job in words."""
    words = {
        Verb.PUSH: ngettext("Push %(count)d customer", "Push %(count)d customers", job.total),
        Verb.PULL: ngettext("Re-fetch %(count)d customer", "Re-fetch %(count)d customers", job.total),
    }
    return words[Verb(job.verb)] % {"count": job.total}


def counts_of(progress: jobs.Progress) -> str:
    """The numbers of a job in words."""
    words = [ngettext("%(count)d done", "%(count)d done", progress.done) % {"count": progress.done}]
    if progress.failed:
        words.append(ngettext("%(count)d not done", "%(count)d not done", progress.failed) % {"count": progress.failed})
    left = progress.remaining + progress.stopped
    if left:
        words.append(ngettext("%(count)d left", "%(count)d left", left) % {"count": left})
    return ", ".join(words)


def under_way() -> list[Shown]:
    """The unfinished jobs."""
    unfinished = list(Job.objects.using(router.db_for_write(Job)).filter(ended_at=None).order_by("-pk")[:5])
    progress = jobs.progress_of(unfinished)
    return [Shown(job, title_of(job), progress[job.pk]) for job in unfinished]


class JobAdmin(PagedAdmin):
    """Nothing to edit: a list of jobs, and a page for each."""

    list_display = ["title", "state", "counts", "asked_at", "person", "ended_at", "duration"]
    list_per_page = 25
    ordering = ["-pk"]

    class Media:
        css = {"all": ["twocheckout/admin.css"]}

    # People with the right to see customers see the jobs. People with the right to push or pull customers may work on
    # these.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        customers = self.sibling_admin(Customer)
        return customers is not None and customers.has_view_or_change_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def _may_work(self, request: HttpRequest, job: Job) -> bool:
        customers = self.sibling_admin(Customer)
        may = {Verb.PUSH: customers.has_push_permission, Verb.PULL: customers.has_pull_permission}[Verb(job.verb)]
        return bool(may(request)) and not jobs.reaches_beyond(job, customers.get_queryset(request))

    # The list.

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        # A replica may lack a job that has just begun.
        return super().get_queryset(request).using(router.db_for_write(Job))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changes = super().get_changelist_instance(request)
        names = user_names(job.user for job in changes.result_list)
        progress = jobs.progress_of(list(changes.result_list))
        for job in changes.result_list:
            job.person, job.progress = names.get(job.user, "-"), progress[job.pk]
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

    @admin.display(description=gettext_lazy("customers"))
    def counts(self, job: Any) -> str:
        return counts_of(job.progress)

    @admin.display(description=gettext_lazy("duration"))
    def duration(self, job: Job) -> str:
        if job.ended_at is None:
            return "-"
        seconds = round((job.ended_at - job.asked_at).total_seconds())
        if seconds < 60:
            return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
        return timesince(job.asked_at, job.ended_at, depth=1)

    # The page, and its buttons.

    def get_urls(self) -> list[URLPattern]:
        stop = self.button(self.stop_view, back="change")
        go_on = self.button(self.continue_view, back="change")
        again = self.button(self.again_view, back="change")
        return [
            path("<path:object_id>/again/", again, name=self.address_name("again")),
            path("<path:object_id>/stop/", stop, name=self.address_name("stop")),
            path("<path:object_id>/continue/", go_on, name=self.address_name("continue")),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        job = self._job_or_404(request, object_id)
        progress = jobs.progress(job)
        failures = jobs.failures(job, LISTED) if progress.failed or progress.retried else []
        # Deleted customers, and those hidden from this person, are only counted.
        customers = self.sibling_admin(Customer).get_queryset(request).in_bulk([failure.pk for failure in failures])
        shown = [(customers[failure.pk], failure) for failure in failures if failure.pk in customers]
        return self.page(
            request,
            "job/progress.html",
            title_of(job),
            job=job,
            person=user_names([job.user]).get(job.user, "-"),
            progress=progress,
            failures=shown,
            more_failures=max(progress.failed + progress.retried - len(shown), 0),
            **({} if job.ended_at else self._banner(job)),
            may_work=self._may_work(request, job),
            may_resume=self.sibling_admin(Customer).has_push_permission(request),
            customer_opts=self.sibling_admin(Customer).opts,
        )

    @staticmethod
    def _banner(job: Job) -> dict[str, Any]:
        """The accounts of the customers that are left, as far as they are stopped."""
        left = jobs.accounts_left(job)
        content = banner(job._state.db, left)
        unknown = [alias for alias in sorted(left) if accounts.is_unknown(alias)]
        stopped = bool(left) and content["stopped_accounts"] >= left
        return {**content, "all_stopped": stopped, "unknown_accounts": unknown}

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
        if jobs.stop(job):
            self.log_change(request, job, _("Stopped."))
            self.message_user(request, _("Stopped; what has been done stays done."), messages.SUCCESS)
        else:
            self.message_user(request, _("It had ended already."), messages.INFO)
        return redirect(self.address("change", job.pk))

    def continue_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        job = self._job_to_work_on(request, object_id)
        if jobs.go_on(job):
            self.log_change(request, job, _("Asked to go on."))
        return self._woken(request, job)

    def again_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        job = self._job_to_work_on(request, object_id)
        if not jobs.try_again(job):
            self.message_user(request, _("None of them has failed."), messages.INFO)
            return redirect(self.address("change", job.pk))
        self.log_change(request, job, _("Asked to try the failed customers again."))
        return self._woken(request, job)

    def _woken(self, request: HttpRequest, job: Job) -> HttpResponse:
        database = job._state.db
        found = wake(tasks.push_pending, database=database)
        level, words = woken(found=found, database=database, words=_("A worker has been asked to go on."))
        self.message_user(request, words, level)
        return redirect(self.address("change", job.pk))
