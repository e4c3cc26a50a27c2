from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from django_twocheckout.models import Notification
from django_twocheckout.testing import FakeTwoCheckout

pytestmark = pytest.mark.django_db

ALGORITHMS = ["sha3-256", "sha256", "md5"]


@pytest.mark.parametrize("kind", ["IPN", "LCN"])
@pytest.mark.parametrize("algorithms", [["sha3-256"], ["sha256"], ["sha3-256", "sha256"], ALGORITHMS])
def test_notify(kind, algorithms, twocheckout):
    reference = twocheckout.add_customer(FirstName="José 🚀", LastName="Łuk", Company="")
    sent = twocheckout.notify(kind, reference, algorithms=algorithms)
    assert (sent.status, sent.received) == (200, True)
    assert "José" not in repr(sent)


def test_notify__md5(twocheckout, configure):
    assert twocheckout.notify("LCN", "1", algorithms=["md5"]).status == 400
    configure(NOTIFICATION_ALGORITHMS=["md5"])
    assert twocheckout.notify("LCN", "1", algorithms=["md5"]).received


@pytest.mark.parametrize("kind", ["IPN", "LCN"])
def test_notify__wrong_and_missing(kind, twocheckout):
    wrong = twocheckout.notify(kind, "1", wrong_signature=True)
    unsigned = twocheckout.notify(kind, "1", algorithms=[])
    assert [(one.status, one.received) for one in (wrong, unsigned)] == [(400, False)] * 2
    for name in ["IPN_PID", "IPN_PNAME", "IPN_DATE"] if kind == "IPN" else ["LICENSE_CODE", "EXPIRATION_DATE"]:
        missing = twocheckout.notify(kind, "1", without=[name])
        assert (missing.status, missing.received) == (422, False)


def test_notify__fields(twocheckout):
    fields = {"NEW": [[{"x": ""}, "é"], {"y": None}], "LICENSE_CODE": "Ä", "IPN_DATE": 5}
    assert twocheckout.notify("LCN", "1", **fields).received


def test_notify__a_row(pushed, twocheckout):
    twocheckout.notify("LCN", pushed)
    line = Notification.objects.get()
    assert (line.customer_reference, line.external_customer_reference) == (
        pushed.customer_reference,
        pushed.external_customer_reference,
    )


def test_notify__mistakes(twocheckout):
    with pytest.raises(ValueError, match="Did you mean IPN"):
        twocheckout.notify("INP", "1")
    with pytest.raises(ValueError, match="Did you mean sha3-256"):
        twocheckout.notify("IPN", "1", algorithms=["sha3_256"])
    with pytest.raises(ValueError, match="Where to"):
        FakeTwoCheckout().notify("IPN", "1")
    with pytest.raises(ValueError, match="http"):
        FakeTwoCheckout().notify("IPN", "1", to="shop.example.com")


def test_notify_again(twocheckout):
    first = twocheckout.notify("IPN", "1")
    again = twocheckout.notify_again(first)
    assert again.received
    assert first.fields["MESSAGE_ID"] != again.fields["MESSAGE_ID"]
    assert {**first.fields, "MESSAGE_ID": 0, "IPN_DATE": 0} == {**again.fields, "MESSAGE_ID": 0, "IPN_DATE": 0}


def test_retries(twocheckout, monkeypatch):
    sent = twocheckout.notify("LCN", "1", wrong_signature=True)
    assert [seconds for seconds, _sent in twocheckout.retries(sent)] == [0]
    sent = twocheckout.notify("LCN", "1", without=["LICENSE_CODE"])
    tries = list(twocheckout.retries(sent))
    assert len(tries) == 7 + 46
    assert [seconds for seconds, _sent in tries][:8] == [0, 150, 300, 1200, 2100, 3000, 3900, 7500]
    assert 47 * 3600 < tries[-1][0] <= 48 * 3600
    assert Notification.objects.filter(outcome="").count() == 55


def test_probe(twocheckout):
    assert [twocheckout.probe("IPN"), twocheckout.probe("LCN", account="no-such")] == [200, 404]


def test_over_http():
    seen = []

    class Project(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(204)
            self.end_headers()

        def do_POST(self):
            seen.append((self.path, self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'<sig algo="sha3-256" date="20261125090507">' + b"0" * 64 + b"</sig>")

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Project) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        to = f"http://127.0.0.1:{server.server_port}/lcn/?x=1"
        vendor = FakeTwoCheckout()
        sent = vendor.notify("LCN", vendor.add_customer(FirstName="Ada"), to=to)
        assert vendor.probe("LCN", to=to) == 204
        server.shutdown()
    assert seen == [("/lcn/?x=1", "application/x-www-form-urlencoded", sent.body)]
    assert (sent.status, sent.received) == (200, False)  # not with that receipt
