"""How Sphinx makes the documentation a site: `make docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from mastertrade import __version__

project = "MasterTrade"
author = copyright = "MasterTrade contributors"
release = version = __version__

extensions = ["myst_parser", "sphinxcontrib.mermaid"]
html_theme = "furo"
html_title = f"MasterTrade {release}"
exclude_patterns = ["integrations/freqtrade/*"]

# Headings are link targets as on GitHub; fenced `mermaid` blocks are diagrams.
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
