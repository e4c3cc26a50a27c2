from __future__ import annotations

from .plain_client import ask, create


def test_control(vendor):
    create(vendor)
    assert ask(vendor, "POST", "/_control/edit", {"reference": "dj-1", "fields": {"City": "Bath"}}) == (200, None)
    assert ask(vendor, "POST", "/_control/card", {"reference": "dj-1", "card_type": "Visa"}) == (200, None)
    assert ask(vendor, "POST", "/_control/behaviour", {"put": "merge", "refused_fiscal_codes": ["X"]})[0] == 200
    assert ask(vendor, "POST", "/_control/fault", {"fault": "500", "times": 2})[0] == 200
    assert ask(vendor, "GET", "customers/dj-1/")[0] == 500
    assert ask(vendor, "POST", "/_control/heal")[0] == 200
    assert ask(vendor, "GET", "/_control/customers")[1][0]["City"] == "Bath"
    assert len(ask(vendor, "GET", "/_control/requests")[1]) == 2
    assert ask(vendor, "POST", "/_control/edit", {"reference": "nobody", "fields": {}})[0] == 400
    assert ask(vendor, "POST", "/_control/fault", {"fault": "none"})[0] == 400
    assert ask(vendor, "GET", "/_control/nothing")[0] == 404
    assert vendor.cards("dj-1") == ["Visa 1111"]
