"""Journeys through the admin in a real browser, against the demo as it is started by README's command.

Need Chromium with its driver, Selenium (the extra ``browser``), and for the accessibility checks axe-core: AXE_CORE
names its axe.min.js. SCREENSHOTS names a directory for pictures of the pages.
"""
