"""Quality: which recordings are reviewed, by what forms, and how they were scored."""
