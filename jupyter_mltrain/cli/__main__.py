"""``python -m jupyter_mltrain.cli``."""

from . import main

main()
