"""Where things lie, for tests in folders of any depth."""

from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
SHARED = ROOT.parent / "shared" / "data"  # files that several checkouts read, where there are any
