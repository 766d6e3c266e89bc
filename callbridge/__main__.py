"""``python -m callbridge`` is the command ``callbridge``."""

import sys

from callbridge.cli import main

sys.exit(main())
