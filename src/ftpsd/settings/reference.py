"""`python -m ftpsd.settings.reference > docs/reference/directives.md` writes the reference page."""

from __future__ import annotations

import sys

from ftpsd.settings.manual import page

if __name__ == "__main__":
    sys.stdout.write(page())
