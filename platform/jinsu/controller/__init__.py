"""The controller is the process that never sleeps: it carries out rollouts, and repairs what has drifted apart.

It compares what is recorded with what runs in Envoy, on Kubernetes, in Airflow and in MLflow. The next state of a
rollout is left to `release`, Envoy's configuration to `gateway`, and model servers to `deployers`.
"""
