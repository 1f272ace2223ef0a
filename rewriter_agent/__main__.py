"""`python -m rewriter_agent` is the same as the `rewriter-agent` command."""

import sys

from .cli import main

sys.exit(main())
