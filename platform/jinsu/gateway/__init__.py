"""The gateway is Envoy: this room describes its configuration, serves it to Envoy, and reads what Envoy has counted.

It knows backends, routes, and weights that expire unless they are renewed. The share of a challenger is left to
`release`, and starting the servers behind the gateway to `deployers`.
"""
