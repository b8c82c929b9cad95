"""The jupyter-server extension: routes and one WebSocket for each tab. Thin: everything is done by ``service``."""
