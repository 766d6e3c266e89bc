"""What agents request: by the API and by feature codes from their phones."""
