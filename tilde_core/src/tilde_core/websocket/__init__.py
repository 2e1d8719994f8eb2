"""The built-in WebSockets: connections of our own, with frames by websocket-client."""
