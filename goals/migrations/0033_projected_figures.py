"""What a goal's projection was made from: out of date once its portfolio has changed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0032_marks"),
    ]

    operations = [
        migrations.AddField(
            model_name="financialgoal",
            name="projected_figures_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
