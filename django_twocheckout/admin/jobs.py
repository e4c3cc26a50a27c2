"""The page of a job: how far it is, what did not work and why. It can be left, found again, stopped and continued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import router
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from .. import sync, tasks
from ..models import Customer, Job, Verb

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Job]
else:
    ModelAdmin = admin.ModelAdmin

#: Failures that are listed on the page.
LISTED = 100


@dataclass(frozen=True)
class Shown:
    """A job as pages show it."""

    job: Job
    title: str
    progress: sync.jobs.Progress
    person: str = ""


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


class JobAdmin(ModelAdmin):
    """Nothing to edit: a list of what was asked for, and a page for each."""

    list_display = ["title", "asked_at", "person", "state"]
    list_filter = ["verb"]
    list_per_page = 25
    ordering = ["-pk"]

    class Media:
        css = {"all": ["twocheckout/admin.css"]}

    # Whoever may see the customers may see what is being done with them.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("twocheckout.view_customer") or request.user.has_perm("twocheckout.view_job")

    def has_view_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("job"))
    def title(self, job: Job) -> str:
        return title_of(job)

    @admin.display(description=gettext_lazy("asked by"))
    def person(self, job: Job) -> str:
        user = get_user_model()._default_manager.filter(pk=job.user).first() if job.user else None
        return str(user or "-")

    @admin.display(description=gettext_lazy("state"))
    def state(self, job: Job) -> str:
        if job.stopped:
            return _("stopped")
        return _("ended") if job.ended_at else _("under way")

    # The page, and its two buttons.

    def get_urls(self) -> list[Any]:
        buttons = [
            path("<path:object_id>/stop/", self._button(self._stop), name="twocheckout_job_stop"),
            path("<path:object_id>/continue/", self._button(self._go_on), name="twocheckout_job_continue"),
        ]
        return buttons + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        job = self._job_or_404(request, object_id)
        progress = sync.jobs.progress(job)
        failures = sync.jobs.failures(job, LISTED) if progress.failed else []
        customers = Customer.objects.using(job._state.db).in_bulk([failure.pk for failure in failures])
        context = {
            **self.admin_site.each_context(request),
            "title": title_of(job),
            "opts": self.opts,
            "media": self.media,
            "job": job,
            "person": self.person(job),
            "progress": progress,
            "failures": [(customers.get(failure.pk), failure) for failure in failures],
            "more_failures": max(progress.failed - len(failures), 0),
            "account": None if job.ended_at else sync.look(job._state.db),
            "may_work": self._may_work(request, job),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/twocheckout/job/progress.html", context)

    def _job_or_404(self, request: HttpRequest, object_id: str) -> Job:
        if not self.has_view_permission(request):
            raise PermissionDenied
        job: Job | None = self.get_object(request, unquote(object_id))
        if job is None:
            raise Http404
        return job

    @staticmethod
    def _may_work(request: HttpRequest, job: Job) -> bool:
        return request.user.has_perm(f"twocheckout.{job.verb}_customer")

    def _button(self, act: Any) -> Any:
        @require_POST
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            job = self._job_or_404(request, object_id)
            if not self._may_work(request, job):
                raise PermissionDenied
            act(request, job)
            return redirect("admin:twocheckout_job_change", job.pk)

        return self.admin_site.admin_view(view)

    def _stop(self, request: HttpRequest, job: Job) -> None:
        sync.jobs.stop(job)
        self.log_change(request, job, _("Stopped."))
        self.message_user(request, _("Stopped; what has been done stays done."), messages.SUCCESS)

    def _go_on(self, request: HttpRequest, job: Job) -> None:
        if tasks.enqueue(tasks.work_off, job.pk, database=job._state.db):
            self.message_user(request, _("A worker has been asked to go on."), messages.SUCCESS)
        else:
            self.message_user(request, _("The broker does not answer; the next sweep goes on."), messages.WARNING)
