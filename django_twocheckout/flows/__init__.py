"""The use cases, one module each, between the doors (admin, commands, tasks) and the engine.

:mod:`django_twocheckout.sync` re-exports the public ones.
"""
