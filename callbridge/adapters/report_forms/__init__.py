"""The forms of a report: CSV, JSON, XLSX and HTML. None of them knows a particular report, and all read its rows as they come."""
