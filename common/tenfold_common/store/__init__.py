"""The store's adapters: ``open.open_store`` for SQLite and PostgreSQL, ``memory.MemoryStore`` for tests.

Importing this package imports nothing heavy; ``store.open`` imports SQLAlchemy (a third of a second), so import it
inside the function that opens a store. Nobody outside this package sees a row, a table or a connection.
"""
