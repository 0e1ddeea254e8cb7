"""What tests of the tools and of the book share."""

import pytest
from small_project import Project


@pytest.fixture
def project(tmp_path):
    """A small copy of the project, with one chapter."""
    return Project(tmp_path)
