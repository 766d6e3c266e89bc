"""Quality: which recordings are reviewed, with which forms, and how they were scored."""
