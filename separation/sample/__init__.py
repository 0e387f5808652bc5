"""Sample legacy databases: invented restaurants, staff and customers, of any size, the same for the same seed."""

from separation.sample.builder import ANCHOR, CUSTOMER_PASSWORD, KINDS, STAFF_PASSWORD, StaffLogin, Summary, build

__all__ = ["ANCHOR", "CUSTOMER_PASSWORD", "KINDS", "STAFF_PASSWORD", "StaffLogin", "Summary", "build"]
