"""Release decides how much live traffic a challenger gets, and when the traffic goes back to the champion.

It is pure: from a policy, a state and an observation follows the next state. Observing and acting are left to
`controller`, and what Envoy makes of a weight to `gateway`.
"""
