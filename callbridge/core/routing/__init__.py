"""Callers in queues: visits, announcements, offers, answers and segments."""
