"""What tests of data sets share."""

import pytest

from equivar.data import identity


@pytest.fixture
def any_data(monkeypatch):
    """Made-up files pass for the published ones."""
    monkeypatch.setattr(identity, "check", lambda *_: None)
