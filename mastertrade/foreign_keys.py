"""Foreign keys in SQL, for migrations.

Django writes no `ON DELETE` of its own. These are named, checked at once, and say in
the database what happens to a row when the one it refers to is deleted, so that a
clean-up by hand in psql works as it stands.
"""

from django.db.migrations.operations import RunSQL


def foreign_key(
    table: str,
    name: str,
    columns: str,
    references: str,
    *,
    on_delete: str = "RESTRICT",
) -> RunSQL:
    """`ALTER TABLE table ADD CONSTRAINT table_name FOREIGN KEY (columns) …`."""
    constraint = f"{table}_{name}_fk"
    return RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {constraint} FOREIGN KEY ({columns}) "
        f"REFERENCES {references} ON UPDATE RESTRICT ON DELETE {on_delete}",
        f"ALTER TABLE {table} DROP CONSTRAINT {constraint}",
    )
