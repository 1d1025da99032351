"""Reference tests read the tables that the unit tests build."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "stats"))
