"""Reads a notification's raw body as PHP's ``$_POST`` has it, because 2Checkout signs what PHP has.

Django's ``request.POST`` has another order, no repeated plain name, and no bytes that are not UTF-8.
"""

from __future__ import annotations

import re
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from ..redaction import redacted_repr

#: PHP's ``max_input_nesting_level``.
DEEPEST = 64
_LARGEST = 2**63 - 1
#: Such a name of an element is a number for PHP.
_NUMBER = re.compile(rb"0|-?[1-9][0-9]{0,18}")
_NAME_ENDS = bytes.maketrans(b" .", b"__")

Name: TypeAlias = "bytes | int"
Value: TypeAlias = "bytes | Array"


class Array(dict[Name, Value]):
    """An array of PHP. Like a dictionary, it has its elements in the order in which their names first came."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0

    __repr__ = redacted_repr
    # Without this attribute, Sentry reads the items.
    __sentry_repr__ = __repr__

    def put(self, name: Name, value: Value) -> None:
        self[name] = value
        if isinstance(name, int) and name >= self._next:
            self._next = name + 1

    def append(self, value: Value) -> None:
        if self._next <= _LARGEST:  # else PHP drops the value
            self.put(self._next, value)


def parse(body: bytes, most: int) -> Array | None:
    """The fields of a form. None if it has more than *most*."""
    if body.count(b"&") >= most:
        return None
    fields = Array()
    for pair in body.split(b"&"):
        name, _, value = pair.partition(b"=")
        _register(fields, _decoded(name), _decoded(value))
    return fields


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _register(fields: Array, name: bytes, value: bytes) -> None:
    """Put the value at its place, as PHP's ``php_register_variable_ex`` does."""
    name = name.partition(b"\0")[0].lstrip(b" ")
    plain, bracket, rest = name.partition(b"[")
    plain = plain.translate(_NAME_ENDS)
    if not plain:
        return None
    if bracket and b"]" not in rest:
        return fields.put(_key(plain + b"_" + rest), value)
    path = _path(rest) if bracket else []
    if len(path) > DEEPEST:
        fields.pop(_key(plain), None)
        return None
    names: list[Name | None] = [_key(plain), *path]
    array = fields
    for outer in names[:-1]:
        array = _inner(array, outer)
    return array.append(value) if names[-1] is None else array.put(names[-1], value)


def _path(rest: bytes) -> list[Name | None]:
    """What stands in the brackets, after the first one. None stands for empty brackets."""
    path: list[Name | None] = []
    while b"]" in rest and len(path) <= DEEPEST:
        inner, _, rest = rest.partition(b"]")
        path.append(None if inner in (b"", b" ") else _key(inner))
        if not rest.startswith(b"["):
            break  # PHP leaves out the rest of the name
        rest = rest[1:]
    return path


def _inner(array: Array, name: Name | None) -> Array:
    """The array under this name. It takes the place of a plain value."""
    found = None if name is None else array.get(name)
    if isinstance(found, Array):
        return found
    new = Array()
    if name is None:
        array.append(new)
    else:
        array.put(name, new)
    return new


def _key(name: bytes) -> Name:
    if _NUMBER.fullmatch(name) and -_LARGEST - 1 <= int(name) <= _LARGEST:
        return int(name)
    return name
