"""The REST API for front ends apart from Django: a door beside the admin, which asks ``sync`` and ``flows`` alone.

Off until a project includes its addresses: ``path("api/2checkout/", include("django_twocheckout.api.urls"))``.
"""
