"""Measures the app beside its rivals: the same work done by a bare ``requests`` loop, and by the app one writes first.

``python -m benchmarks`` runs everything; see :mod:`.__main__`. Every figure is a ratio of two things that were measured
in turns in one run, and the median of several such turns: the machine's speed, and its other load, cancel out.
"""
