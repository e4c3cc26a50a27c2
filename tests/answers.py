"""Literal answers of 2Checkout, each with the page that it comes from. Names and addresses are made up."""

#: Where the tests with literal answers find 2Checkout.
BASE_URL = "https://api.2checkout.com/rest/6.0/"

# https://docs.2checkout.com/api-reference/reference/customers, with the spelling of captured answers of the REST API:
# the reference as a text, the country in lower case, null for a missing external reference, empty lists and texts.
CUSTOMER = {
    "CustomerReference": "601952421",
    "ExternalCustomerReference": None,
    "FirstName": "Ada",
    "LastName": "Lovelace",
    "Company": "",
    "FiscalCode": "",
    "Address1": "12 St James Square",
    "Address2": "",
    "City": "London",
    "State": "",
    "Zip": "SW1Y 4JH",
    "CountryCode": "gb",
    "Phone": "",
    "Fax": "",
    "Email": "ada@example.org",
    "ExistingCards": [],
    "Enabled": False,
    "Trial": False,
    "Language": "en",
}

# The official REST samples' captured answer to a create: nine bytes, application/json.
CREATED = "601952421"

# https://docs.2checkout.com/soap-api-reference/soap-api-6.0/api-responses/customer: the token only when asked for.
CARD = {"CardType": "Visa", "LastDigits": "1111", "ExpirationDate": "12/2029", "TransientToken": {"Token": "t-1"}}

# https://docs.2checkout.com/api-reference/reference/single-sign-on: a link of the form documented there.
SIGN_ON_TOKEN = "0123456789abcdef0123456789abcdef01234567"
SIGN_ON_LINK = f"https://store.example/order/checkout.php?PRODS=1&logintoken={SIGN_ON_TOKEN}"

# https://docs.2checkout.com/api-reference/reference/customers, DELETE credit-card, 400 "Not deleted".
CARD_NOT_DELETED_REST = {
    "Deleted": False,
    "Errors": [{"SubscriptionReference": "SUB-1", "Message": "The card is in use", "ErrorCode": "MY_ERROR_CODE_1"}],
}

# https://verifone.cloud/docs/2checkout/API-Integration/JSON-RPC_API_6.0/API-Requests/039Customer/Delete-customer-credit-card
CARD_NOT_DELETED_RPC = {
    "Deleted": False,
    "Subscriptions": [
        {"SubscriptionReference": "SUB-1", "Error": {"error_code": "MY_ERROR_CODE_1", "message": "The card is in use"}}
    ],
}

# The official PHP client's tests: an invalid code or key.
NOT_AUTHENTICATED = {"error_code": "AUTHENTICATION_ERROR", "message": "Authentication needed for this resource"}
