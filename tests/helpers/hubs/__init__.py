"""Web servers on this machine that speak what the hubs' clients say to the hubs."""
