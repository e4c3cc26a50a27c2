"""How a push and a pull are done: claim, admit, reconcile, decide, settle, report. Private to ``flows``."""
