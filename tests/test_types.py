"""What a project's own mypy knows of the public names."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SNIPPET = """
from django_twocheckout import sync
from django_twocheckout.models import Customer

customer = Customer()
reveal_type(customer.first_name)
reveal_type(customer.country_code)
reveal_type(customer.email)
reveal_type(customer.external_customer_reference)
reveal_type(customer.customer_reference)
reveal_type(customer.sync_state)
reveal_type(customer.enabled)
reveal_type(customer.credit_limit)
reveal_type(customer.pushed_at)
reveal_type(Customer.objects.due())
reveal_type(sync.push(customer))
"""

REVEALED = """
str
str
str
str | None
str | None
str
bool
decimal.Decimal | None
datetime.datetime | None
django_twocheckout.models.querysets.CustomerQuerySet
django_twocheckout.models.customer.Customer
"""


@pytest.mark.timeout(300)  # mypy starts without its cache
def test_mypy_knows_the_types_of_public_names(tmp_path):
    snippet = tmp_path / "snippet.py"
    snippet.write_text(SNIPPET)
    settings = f"--config-file={ROOT / 'setup.cfg'}"
    command = [sys.executable, "-m", "mypy", settings, f"--cache-dir={tmp_path / 'cache'}", str(snippet)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    notes = [line for line in result.stdout.splitlines() if "Revealed" in line]
    revealed = [line.split('"')[1].replace("builtins.", "") for line in notes]
    assert revealed == REVEALED.split("\n")[1:-1], result.stdout + result.stderr
    assert result.returncode == 0, result.stdout
