"""What 2Checkout gets to know of an account. This is all it takes: each save of an account pushes its customer."""

from django_twocheckout import mirrors

from .models import Account


@mirrors.register(Account, link="customer")
def customer_fields(account) -> mirrors.CustomerFields | None:
    return {
        "first_name": account.first_name,
        "last_name": account.last_name,
        "email": account.email,
        "address1": account.address1,
        "zip": account.zip,
        "city": account.city,
        "country_code": account.country_code,
        "phone": account.phone,
        "company": account.company,
        "fiscal_code": account.fiscal_code,
        "language": account.language,
    }
