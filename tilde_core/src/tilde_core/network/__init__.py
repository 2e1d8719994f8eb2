"""How connections are made: proxies, trust, TLS. The same for every transport, and for WebSockets."""
