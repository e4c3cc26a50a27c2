"""Reads a request's body: JSON in UTF-8 alone, of bounded size, and nothing in it that could not be answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

from ..redaction import redacted

#: Bytes of a body. All fields of a customer with their longest values have about twenty thousand.
MOST_BYTES = 64 * 1024


class TooLarge(APIException):
    """The answer to a body with too many bytes."""

    status_code = 413
    default_detail = _("The body is too large.")
    default_code = "too_large"


class JSONBody(JSONParser):
    """A JSON text of at most :data:`MOST_BYTES`.

    Raises ParseError for a text that is no JSON, is nested too deeply, or has half of a pair of UTF-16.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise TooLarge
        try:
            data = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse)
            # An answer may quote what it refuses, and must be encodable.
            json.dumps(data, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise ParseError(_("The body is not valid JSON.")) from None
        return redacted(data)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are Python's, not JSON's
