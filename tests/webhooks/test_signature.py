from __future__ import annotations

import pytest

from django_twocheckout.webhooks.form import parse
from django_twocheckout.webhooks.signature import missing_fields, receipt, verified_by

from .vectors import GENUINE, KEY, UNDISPUTED, VECTORS, body_of, key_of, name_of


def fields_of(vector):
    return parse(body_of(vector), 10_000)


@pytest.mark.parametrize("vector", UNDISPUTED, ids=name_of)
def test_verified_by(vector):
    fields, key = fields_of(vector), key_of(vector)
    for algorithm, genuine in vector["verdict_by_configured_algorithm"].items():
        assert verified_by(fields, key, [algorithm]) == (algorithm if genuine else None)
    genuine = vector["verdict"] == "genuine"
    assert bool(verified_by(fields, key, ["sha3-256", "sha256"])) is genuine
    assert verified_by(fields, key + "x", ["sha3-256", "sha256", "md5"]) is None


@pytest.mark.parametrize("vector", GENUINE, ids=name_of)
def test_receipt(vector):
    fields, key = fields_of(vector), key_of(vector)
    given = 0
    for date, by_algorithm in (vector["receipts"] or {}).items():
        for algorithm, right in (by_algorithm or {}).items():
            if right is None:
                continue
            assert receipt(fields, vector["kind"], key, algorithm, date) == right
            given += 1
    assert bool(given) is not bool(missing_fields(fields, vector["kind"]))
    if not given:
        with pytest.raises(ValueError, match="more fields"):
            receipt(fields, vector["kind"], key, "sha3-256", "20261125090507")


def test_the_strongest_decides():
    [all_three] = [vector for vector in VECTORS if vector["name"] == "ipn-order-all-three"]
    body = body_of(all_three)
    wrong = parse(body.replace(b"SIGNATURE_SHA3_256=8", b"SIGNATURE_SHA3_256=9"), 10_000)
    assert verified_by(wrong, KEY, ["sha3-256", "sha256", "md5"]) is None
    assert verified_by(wrong, KEY, ["sha256", "md5"]) == "sha256"
    assert verified_by(wrong, KEY, ["md5"]) == "md5"
    assert verified_by(wrong, KEY, []) is None


@pytest.mark.parametrize("name", ["lcn-signature-upper-case", "ipn-nested-custom-fields", "ipn-nested-interleaved"])
def test_the_documentation_decides_what_is_disputed(name):
    [disputed] = [vector for vector in VECTORS if vector["name"] == name]
    assert verified_by(fields_of(disputed), KEY, ["sha3-256"]) == "sha3-256"
