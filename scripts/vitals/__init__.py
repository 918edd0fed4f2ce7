"""Agent Vitals: profiles in; recording rules, alerts, dashboards and a running stack out."""
