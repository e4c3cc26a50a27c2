"""Who may ask what of the API: Django's permissions on customers, and ours."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.permissions import DjangoModelPermissions
from rest_framework.request import Request

_VIEW = "%(app_label)s.view_%(model_name)s"


class CustomerPermissions(DjangoModelPermissions):
    """For persons who are logged in and may view customers. Each action may need one more permission.

    An action that a project adds needs what :class:`DjangoModelPermissions` asks for its method. As in the admin, the
    permissions are not of single customers. A project with such permissions overrides ``has_object_permission``.
    """

    perms_map = {method: [_VIEW, *names] for method, names in DjangoModelPermissions.perms_map.items()}

    #: What an action needs beside the right to view. None: a method that the address does not have.
    by_action: ClassVar[dict[str | None, list[str]]] = {
        None: [],
        "push": ["twocheckout.push_customer"],
        "pull": ["twocheckout.pull_customer"],
        "compare": ["twocheckout.pull_customer"],
        "cards": ["twocheckout.delete_card"],
        "delete_card": ["twocheckout.delete_card"],
        "checkout_parameters": [],
        # With the link one is signed in as the shopper, and may change the data and the cards.
        "account_link": ["%(app_label)s.change_%(model_name)s", "twocheckout.delete_card"],
        "subscriptions": ["twocheckout.pull_customer"],
    }

    def has_permission(self, request: Request, view: Any) -> bool:
        # The project's queryset may look at the person, so it is not asked for before there is one.
        if not (request.user and request.user.is_authenticated):
            return False
        return bool(request.user.has_perms(self.required(request, view)))

    def required(self, request: Request, view: Any) -> list[str]:
        """The permissions that this request needs."""
        model, action = view.get_queryset().model, getattr(view, "action", None)
        if action not in self.by_action:
            return self.get_required_permissions(str(request.method), model)
        named = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
        return [one % named for one in (_VIEW, *self.by_action[action])]
