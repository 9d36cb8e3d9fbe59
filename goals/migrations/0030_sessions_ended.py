from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0029_channel_tests"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="sessions_ended",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
