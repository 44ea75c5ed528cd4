import logging

from config.logs import OneLine


def test_d5_text_from_outside_cannot_start_a_log_line_of_its_own():
    forged = "x\n2026-03-02 CRITICAL payouts: all paid\r\u2028again"
    record = logging.LogRecord("payouts", logging.INFO, "", 0, "client %s", (forged,), None)

    line = OneLine("%(levelname)s %(message)s").format(record)

    assert line.splitlines() == [line]
    assert line.startswith("INFO client x")


def test_g46_who_reads_a_log_does_not_come_in_by_a_link_in_it():
    record = logging.LogRecord(
        "django", logging.ERROR, "", 0, "Error: /links/s3cret-_/ at", (), None
    )
    assert OneLine("%(message)s").format(record) == "Error: /links/…/ at"
