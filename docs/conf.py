"""Sphinx configuration of the documentation site; `make docs` builds it and fails on a dead link."""

project = "rewriter-agent"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "rewriter-agent"
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath", "deflist"]
nitpicky = True
