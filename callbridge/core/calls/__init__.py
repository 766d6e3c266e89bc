"""Whole calls: arrivals, requests and codes of agents and supervisors during a call, transfers made on phones, and the ends."""
