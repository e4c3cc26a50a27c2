"""The views of the REST API: each translates a request into one call of ``sync``, and its end into an answer.

No view deletes a customer. A change goes through the model's ``save()``, so it is pushed as any save is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from django.apps import apps
from django.core import signing
from django.db import connections, router, transaction
from django.http import Http404, HttpRequest
from django.urls import NoReverseMatch
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import MethodNotAllowed, NotFound, PermissionDenied
from rest_framework.mixins import CreateModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_200_OK, HTTP_201_CREATED, HTTP_202_ACCEPTED
from rest_framework.viewsets import GenericViewSet

from .. import sync
from ..conf import conf
from ..flows.card_seal import seal, unseal
from ..models import Customer, Source, SyncState
from ..sync import Card
from .errors import answer_to, refuse_if_not_pushed, refuse_if_paused
from .filters import CustomerFilter, StatusQuery
from .pagination import KeysetPagination
from .parsers import JSONBody
from .permissions import CustomerPermissions
from .serializers import (
    AccountLinkSerializer,
    AccountPageSerializer,
    CardChoiceSerializer,
    CardSerializer,
    CheckoutParametersSerializer,
    CustomerSerializer,
    CustomerWriteSerializer,
    DifferenceSerializer,
    StatusSerializer,
    SubscriptionSerializer,
)
from .throttling import ScopeThrottle

logger = logging.getLogger("twocheckout")


class CustomerViewSet(CreateModelMixin, RetrieveModelMixin, ListModelMixin, GenericViewSet[Customer]):
    """Customers, and what can be asked for them."""

    # People read the docstring above, and those of the actions: in the schema, and in the answer to OPTIONS.
    #
    # A project with tenants overrides get_queryset(). Every address then knows these customers alone, and writes none
    # that would not be among them. perform_create() and perform_update() run in the transaction of the save.

    queryset = Customer.objects.all()
    serializer_class = CustomerSerializer
    write_serializer_class: ClassVar[type[serializers.ModelSerializer[Customer]]] = CustomerWriteSerializer
    parser_classes = [JSONBody]
    permission_classes = [CustomerPermissions]
    filter_backends = [CustomerFilter]
    pagination_class = KeysetPagination
    #: Also with a dot: an address of ours answers in JSON, whatever the key.
    lookup_value_regex = "[^/]+"

    #: Actions that ask 2Checkout, and wait for its answer.
    live_actions: ClassVar[frozenset[str]] = frozenset(
        ["push", "pull", "compare", "cards", "delete_card", "account_link", "subscriptions"]
    )

    #: The customer whom 2Checkout is asked about in this request.
    asked: Customer | None = None

    @classmethod
    def as_view(cls, *args: Any, **options: Any) -> Any:
        """Without the transaction of ATOMIC_REQUESTS, because 2Checkout is asked. A save has one of its own."""
        view: Any = super().as_view(*args, **options)
        for alias in connections:
            view = transaction.non_atomic_requests(alias)(view)
        return view

    # Here alone.

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Customer]]:
        writes = self.action in ("create", "partial_update", "metadata")
        return self.write_serializer_class if writes else super().get_serializer_class()

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add a customer. It is pushed as after any save."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        customer = self._save(self.perform_create, serializer)
        headers = {}
        with suppress(NoReverseMatch):  # where the project has addresses of its own
            headers["Location"] = self.reverse_action("detail", [customer.pk])
        return Response(self._data(customer), status=HTTP_201_CREATED, headers=headers)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change some fields. What is not named stays as it is, also what others change at the same time."""
        serializer = self.get_serializer(self.get_object(), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        return Response(self._data(self._save(self.perform_update, serializer)))

    def perform_update(self, serializer: serializers.BaseSerializer[Customer]) -> None:
        serializer.save()

    @action(detail=False, methods=["get"], pagination_class=None)
    def status(self, request: Request) -> Response:
        """How the customers stand, and whether anything is stopped. ``account``: of one account."""
        account = StatusQuery.asked(request).get("account")
        if account is not None and account not in conf.aliases():
            raise NotFound(_("The settings have no such account."))
        customers: Any = self.get_queryset()
        return Response(StatusSerializer(sync.status(account, customers=customers)).data)

    @action(detail=True, methods=["post"], url_path="checkout-parameters", url_name="checkout-parameters")
    def checkout_parameters(self, request: Request, **kwargs: Any) -> Response:
        """What a purchase has to carry so that it lands on this customer. Part of what a buy link signs."""
        return Response(CheckoutParametersSerializer(self.get_object().checkout_parameters()).data)

    # At 2Checkout, while the person waits.

    @action(detail=True, methods=["post"])
    def push(self, request: Request, **kwargs: Any) -> Response:
        """Push now. Answers 202 while another worker pushes it, or if it was changed once more meanwhile."""
        customer = self._ask()
        sync.push(customer, source=Source.USER, user=request.user.pk)
        refuse_if_not_pushed(customer)
        synced = customer.sync_state == SyncState.SYNCED
        return Response(self._data(customer), status=HTTP_200_OK if synced else HTTP_202_ACCEPTED)

    @action(detail=True, methods=["post"])
    def pull(self, request: Request, **kwargs: Any) -> Response:
        """Fetch 2Checkout's values into the row. A change only here stays pending."""
        customer = self._ask()
        return Response(self._data(sync.pull(customer, source=Source.USER, user=request.user.pk)))

    @action(detail=True, methods=["get"], pagination_class=None)
    def compare(self, request: Request, **kwargs: Any) -> Response:
        """Compare with 2Checkout as it is now, field by field. Writes nothing."""
        return self._list(DifferenceSerializer, sync.compare(self._ask()))

    @action(detail=True, methods=["get"], pagination_class=None)
    @sensitive_variables()
    def cards(self, request: Request, **kwargs: Any) -> Response:
        """The cards on file at 2Checkout as they are now, each with its sealed token."""
        customer = self._ask()

        @sensitive_variables()
        def sealed(card: Card) -> str:
            return seal(customer, card, str(card), request.user.pk)

        return self._list(CardSerializer, sync.cards(customer), seal=sealed)

    @action(detail=True, methods=["post"], url_path="cards/delete", url_name="delete-card")
    @sensitive_variables()
    def delete_card(self, request: Request, **kwargs: Any) -> Response:
        """Delete a card at 2Checkout, and re-fetch the customer. A missing card counts as deleted."""
        customer = self._ask()
        choice = CardChoiceSerializer(data=request.data)
        choice.is_valid(raise_exception=True)
        try:
            facts = unseal(choice.validated_data["card"])
        except signing.BadSignature:
            facts = {}
        if (facts.get("customer"), facts.get("user")) != (str(customer.pk), str(request.user.pk)):
            words = _("This choice is too old, or was not made here. Fetch the cards again, and choose anew.")
            raise serializers.ValidationError({"card": [words]})
        sync.delete_card(customer, facts["token"], card=facts["shown"], source=Source.USER, user=request.user.pk)
        return Response(self._data(customer))

    @action(detail=True, methods=["post"], url_path="account-link", url_name="account-link")
    @sensitive_variables()
    def account_link(self, request: Request, **kwargs: Any) -> Response:
        """A link that signs the shopper in at 2Checkout. Open it at once, and keep it nowhere."""
        customer = self._ask()
        asked = AccountPageSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        link = sync.account_link(customer, **asked.validated_data)
        facts = {"action": "api.account_link", "customer": customer.pk, "user": request.user.pk}
        logger.info("customer %s: a link to the shopper's account was given out", customer.pk, extra=facts)
        return Response(AccountLinkSerializer({"link": link}).data)

    @action(detail=True, methods=["get"], pagination_class=None)
    def subscriptions(self, request: Request, **kwargs: Any) -> Response:
        """The customer's subscriptions at 2Checkout as they are now. One just bought comes after five minutes."""
        return self._list(SubscriptionSerializer, sync.subscriptions(self._ask()))

    # Common to all.

    @property
    def is_live(self) -> bool:
        """Whether this request asks 2Checkout."""
        return self.action in self.live_actions

    def get_renderers(self) -> list[Any]:
        """As in the settings, but without the browsable API where its templates are not installed."""
        renderers = super().get_renderers()
        if apps.is_installed("rest_framework"):
            return renderers
        return [one for one in renderers if not isinstance(one, BrowsableAPIRenderer)]

    def get_throttles(self) -> list[Any]:
        """The project's own, then ours: our scopes have their rates without a throttle class of the project."""
        return [*super().get_throttles(), ScopeThrottle()]

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        reasons = {
            "DELETE": _(
                "A customer cannot be deleted: 2Checkout has no request for it, so it would live on there with its "
                "subscriptions and its cards."
            ),
            "PUT": _(
                "Send what is to be changed by PATCH. A whole object would undo what others, or 2Checkout, changed "
                "since it was read."
            ),
        }
        of_customer = "partial_update" in self.action_map.values()
        raise MethodNotAllowed(str(request.method), reasons.get(str(request.method)) if of_customer else None)

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(answer_to(exc, self.asked))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        add_never_cache_headers(response)  # personal data, and sealed tokens
        return response

    def _data(self, customer: Customer) -> Any:
        return self.serializer_class(customer, context=self.get_serializer_context()).data

    @staticmethod
    def _list(serializer: type[serializers.Serializer[Any]], items: Any, **context: object) -> Response:
        return Response(serializer(items, many=True, context=context).data)

    def _ask(self) -> Customer:
        """The customer of this address, about whom 2Checkout is going to be asked."""
        self.asked = self.get_object()
        refuse_if_paused(self.asked)
        return self.asked

    def _save(self, perform: Callable[[Any], None], serializer: serializers.BaseSerializer[Customer]) -> Customer:
        """Save the customer if the person's queryset has it then. Raises PermissionDenied otherwise."""
        before: Customer | None = serializer.instance
        database = router.db_for_write(Customer)
        try:
            with transaction.atomic(using=database):
                perform(serializer)
                customer = serializer.instance
                if customer is None or not self.get_queryset().using(database).filter(pk=customer.pk).exists():
                    raise PermissionDenied(_("This customer would not be among those that you may see."))
        except Exception:
            if before is not None and not Customer.objects.using(database).filter(pk=before.pk).exists():
                raise Http404 from None  # deleted in the same moment
            raise
        return customer
