from tests.payouts.conftest import office, unchecked_office  # noqa: F401  # fixtures
