"""The app beside other packages on the same models, with settings of their own.

``pytest --ds=tests.compat.settings tests/compat``
"""
