"""The name of the service that model servers offer over gRPC, for whoever needs the name without gRPC's packages."""

from __future__ import annotations

SERVICE = "inference.GRPCInferenceService"
