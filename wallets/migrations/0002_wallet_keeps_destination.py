"""Hold in the database that a wallet never changes its client, network, address or memo."""

from django.db import migrations

POSTGRES = """
CREATE FUNCTION wallet_keeps_destination() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a wallet never changes its destination' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER wallet_keeps_destination
BEFORE UPDATE ON wallets_wallet FOR EACH ROW
WHEN ((OLD.client_id, OLD.network, OLD.address, OLD.memo)
    IS DISTINCT FROM (NEW.client_id, NEW.network, NEW.address, NEW.memo))
EXECUTE FUNCTION wallet_keeps_destination();
"""

SQLITE = """
CREATE TRIGGER wallet_keeps_destination
BEFORE UPDATE ON wallets_wallet FOR EACH ROW
WHEN (OLD.client_id, OLD.network, OLD.address, OLD.memo)
    IS NOT (NEW.client_id, NEW.network, NEW.address, NEW.memo)
BEGIN
    SELECT RAISE(ABORT, 'a wallet never changes its destination');
END
"""


def create(apps, schema_editor):
    sqlite = schema_editor.connection.vendor == "sqlite"
    schema_editor.execute(SQLITE if sqlite else POSTGRES)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER wallet_keeps_destination")
    else:
        schema_editor.execute("DROP FUNCTION wallet_keeps_destination CASCADE")


class Migration(migrations.Migration):
    dependencies = [("wallets", "0001_initial")]

    operations = [migrations.RunPython(create, drop)]
