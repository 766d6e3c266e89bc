"""Makes the dashboards of ``deploy/grafana`` from their one definition."""
