"""Once people are moved, the planner knows: no query of either application is planned for empty tables."""

from tests.separation.engine import move, query


def test_the_new_tables_have_statistics_after_an_execute(legacy_database):
    database = legacy_database("plain", adopted=True)

    move(database.connection)

    never = query(
        database.connection,
        """SELECT relname FROM pg_class WHERE reltuples < 1
        AND relname IN ('customers', 'customer_profiles', 'customer_restaurants') ORDER BY 1""",
    )
    assert never == []
    links = query(
        database.connection,
        """SELECT tablename, null_frac < 1 FROM pg_stats
        WHERE attname = 'customer_id' AND tablename IN ('reservations', 'orders') ORDER BY 1""",
    )
    assert links == [("orders", True), ("reservations", True)]
