"""The database: connections with bounds, its tables, and the migrations between their versions."""

from callbridge.adapters.database.connection import BadDatabase, Database, NotAnswering, NotConfigured, cause_of
from callbridge.adapters.database.files import file_of, no_folder, not_roots

__all__ = ["BadDatabase", "Database", "NotAnswering", "NotConfigured", "cause_of", "file_of", "no_folder", "not_roots"]
