"""The inputs of decisions, kept beside the log for replay. The app role may add and delete them, not change them."""

import django.contrib.postgres.indexes
from django.db import migrations, models

GRANT = """
INSERT INTO public.behavry_table_grants (table_name, privileges) VALUES ('audit_input', 'SELECT, INSERT, DELETE')
ON CONFLICT (table_name) DO UPDATE SET privileges = excluded.privileges;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_chain_break_name")]
    operations = [
        migrations.CreateModel(
            name="DecisionInput",
            fields=[
                (
                    "seq",
                    models.BigIntegerField(
                        help_text="Of the decision's entry.", primary_key=True, serialize=False
                    ),
                ),
                ("event_id", models.UUIDField()),
                ("recorded_at", models.DateTimeField()),
                ("document", models.TextField()),
            ],
            options={
                "db_table": "audit_input",
                "ordering": ["-seq"],
                "indexes": [
                    django.contrib.postgres.indexes.BrinIndex(fields=["recorded_at"], name="audit_input_recorded_at")
                ],
            },
        ),
        migrations.RunSQL(GRANT, migrations.RunSQL.noop),
    ]
