"""The smallest project that has all of the app: the reference is written from it."""

SECRET_KEY = "documentation"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django_twocheckout",
]
TWOCHECKOUT = {"MERCHANT_CODE": "CODE", "SECRET_KEY": "KEY"}
