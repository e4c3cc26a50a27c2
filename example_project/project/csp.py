"""Tells browsers to run and show only what the shop itself serves; nothing that is written into a page counts."""

POLICY = "; ".join(
    [
        "default-src 'self'",
        "base-uri 'self'",
        # The button that opens a shopper's account ends at 2Checkout: in the demo, at another port of this machine.
        "form-action 'self' http://127.0.0.1:*",
        "frame-ancestors 'none'",
        "object-src 'none'",
    ]
)


def content_security_policy(get_response):
    def middleware(request):
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware
