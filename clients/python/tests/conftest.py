"""One server for all tests that do not ask for another."""

import pytest
from issuer import Issuer
from watchword import running


@pytest.fixture(scope="session")
def watchword():
    with running() as server:
        yield server


@pytest.fixture
def issuer():
    with Issuer() as issuer:
        yield issuer
