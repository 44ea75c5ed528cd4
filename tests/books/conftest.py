from tests.payouts.conftest import office, unchecked_office

__all__ = ["office", "unchecked_office"]
