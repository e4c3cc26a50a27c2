from __future__ import annotations

import pytest

from django_twocheckout.webhooks.form import DEEPEST, Array, parse

MOST = 100


def plain(value):
    """As lists of pairs, so that the order counts."""
    return [(name, plain(one)) for name, one in value.items()] if isinstance(value, Array) else value


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", []),
        (b"&&=x&", []),
        (b"A", [(b"A", b"")]),
        (b"A=1&B=2&A=3", [(b"A", b"3"), (b"B", b"2")]),
        (b"A=a%20b+c%2Bd%zz%", [(b"A", b"a b c+d%zz%")]),
        (b"A=%FF%00%FE", [(b"A", b"\xff\x00\xfe")]),
        (b"A=1=2", [(b"A", b"1=2")]),
        (b"+A.B+C=1", [(b"A_B_C", b"1")]),
        (b"A%00B=1", [(b"A", b"1")]),
        (b"A[]=1&B=2&A[]=3", [(b"A", [(0, b"1"), (1, b"3")]), (b"B", b"2")]),
        (b"A%5B5%5D=1&A[]=2&A[05]=3&A[-1]=4", [(b"A", [(5, b"1"), (6, b"2"), (b"05", b"3"), (-1, b"4")])]),
        (b"A[0][x]=1&A[1][x]=2&A[0][y]=3", [(b"A", [(0, [(b"x", b"1"), (b"y", b"3")]), (1, [(b"x", b"2")])])]),
        (b"A[][x]=1&A[][x]=2", [(b"A", [(0, [(b"x", b"1")]), (1, [(b"x", b"2")])])]),
        (b"A=1&B=2&A[]=3", [(b"A", [(0, b"3")]), (b"B", b"2")]),
        (b"A[]=1&A=2", [(b"A", b"2")]),
        (b"A[=1", [(b"A_", b"1")]),
        (b"A[x=1", [(b"A_x", b"1")]),
        (b"A[x][y=1", [(b"A", [(b"x", b"1")])]),
        (b"A[x]y=1", [(b"A", [(b"x", b"1")])]),
        (b"[x]=1&]=2", [(b"]", b"2")]),
        (b"A[9223372036854775807]=1&A[]=2", [(b"A", [(9223372036854775807, b"1")])]),
        (b"A[9223372036854775808]=1&A[]=2", [(b"A", [(b"9223372036854775808", b"1"), (0, b"2")])]),
    ],
)
def test_parse(body, fields):
    assert plain(parse(body, MOST)) == fields


def test_parse__too_deep():
    """PHP drops the whole array."""
    assert plain(parse(b"A[]=1&A" + b"[]" * (DEEPEST + 1) + b"=2&B=3", MOST)) == [(b"B", b"3")]
    deep = parse(b"A" + b"[]" * DEEPEST + b"=2", MOST)
    for _ in range(DEEPEST):
        [deep] = deep.values()
    assert plain(deep) == [(0, b"2")]


def test_parse__too_many():
    assert parse(b"&".join([b"A[]=1"] * MOST), MOST)
    assert parse(b"&".join([b"A[]=1"] * (MOST + 1)), MOST) is None


def test_repr__tells_no_value():
    assert "secret" not in repr(parse(b"A=secret&B[]=secret", MOST))
