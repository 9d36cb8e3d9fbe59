from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0031_invitations"),
    ]

    operations = [
        migrations.AddField(
            model_name="goalalert",
            name="marks",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="tradinghalt",
            name="marks",
            field=models.JSONField(db_default=[], default=list),
        ),
    ]
