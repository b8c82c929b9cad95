"""``python -m jupyter_mltrain.runner``."""

import sys

from .main import main

sys.exit(main())
