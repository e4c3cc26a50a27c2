"""The rivals inside Django: the same model without the app, and with the app that one writes first."""
