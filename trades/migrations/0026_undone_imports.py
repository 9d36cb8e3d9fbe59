"""When an import was undone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trades", "0025_import_mappings"),
    ]

    operations = [
        migrations.AddField(
            model_name="tradeimport",
            name="undone_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
