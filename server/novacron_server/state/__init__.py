"""What survives a restart: the only SQL of the project, on SQLite or PostgreSQL."""
