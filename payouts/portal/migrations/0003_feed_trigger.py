from django.db import migrations

from audit import triggers

EVENTS, NAME = "payouts_payoutevent", "payouts_portal_feed"
# A claim, and what is waited for instead, leave a payout where its client sees it: “sending”.
WHEN = "NEW.event_type NOT IN ('claim', 'unsent', 'wait')"
INSERT = (
    "INSERT INTO payouts_portal_unfedevent (event_id, payout_id) VALUES (NEW.id, NEW.payout_id)"
)


def create(editor):
    if editor.connection.vendor == "postgresql":
        editor.execute(
            f"CREATE FUNCTION desk_feed() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {INSERT}; RETURN NULL; END $$",
            params=None,
        )
        editor.execute(
            f"CREATE TRIGGER {NAME} AFTER INSERT ON {EVENTS} "
            f"FOR EACH ROW WHEN ({WHEN}) EXECUTE FUNCTION desk_feed()"
        )
    else:
        editor.execute(
            f"CREATE TRIGGER {NAME} AFTER INSERT ON {EVENTS} FOR EACH ROW WHEN {WHEN} "
            f"BEGIN {INSERT}; END"
        )


def drop(editor):
    if editor.connection.vendor == "postgresql":
        editor.execute(f"DROP TRIGGER {NAME} ON {EVENTS}")
        editor.execute("DROP FUNCTION desk_feed()")
    else:
        editor.execute(f"DROP TRIGGER {NAME}")


FILL = """
INSERT INTO payouts_portal_unfedevent (event_id, payout_id)
SELECT max(id), payout_id FROM payouts_payoutevent GROUP BY payout_id
"""


class Migration(migrations.Migration):
    """Every event of a payout waits for the feed from now on, and of those before the last one."""

    dependencies = [("payouts_portal", "0002_feed")]
    operations = [
        migrations.RunSQL(FILL, "DELETE FROM payouts_portal_unfedevent"),
        triggers.Trigger(NAME, create, drop),
    ]
