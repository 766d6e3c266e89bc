"""Callers in queues: visits, announcements, offers, talks and their ends."""
