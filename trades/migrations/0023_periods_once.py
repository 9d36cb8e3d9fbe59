"""A period of the clock is begun once, by however many schedulers.

The queue's own unique key forgets a period as soon as a later one has begun. A scheduler
that comes late, as one does that was paused, would begin it a second time.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION begin_periods_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext(
        'period of ' || NEW.task_name || ' ' || NEW.periodic_id));
    PERFORM FROM procrastinate_periodic_defers
    WHERE task_name = NEW.task_name AND periodic_id = NEW.periodic_id
      AND defer_timestamp > NEW.defer_timestamp;
    RETURN CASE WHEN FOUND THEN NULL ELSE NEW END;
END $$;
CREATE TRIGGER begin_periods_in_order BEFORE INSERT ON procrastinate_periodic_defers
    FOR EACH ROW EXECUTE FUNCTION begin_periods_in_order();
"""
BACKWARD = """
DROP TRIGGER begin_periods_in_order ON procrastinate_periodic_defers;
DROP FUNCTION begin_periods_in_order();
"""


class Migration(migrations.Migration):
    dependencies = [("trades", "0022_job_errors")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
