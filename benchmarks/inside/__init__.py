"""What runs in a Django process of a benchmark, called from outside by :class:`benchmarks.child.Child`."""
