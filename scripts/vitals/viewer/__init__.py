"""The built-in viewer: the dashboards in grafana/dashboards/ as a web page, for those who have no Grafana at hand.

`boards` reads the dashboards, `upstream` asks Prometheus, `server` serves the page and passes its questions on,
`static` writes the page with its answers into a folder. What happens in the browser is under assets/, as plain modules:
main.js is where it begins.
"""
