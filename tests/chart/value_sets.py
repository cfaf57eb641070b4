"""Values that people install the chart with."""

from typing import Any

Values = dict[str, Any]

_HIGH_QUOTA = {
    "requests.cpu": "64",
    "requests.memory": "512Gi",
    "requests.nvidia.com/gpu": "8",
    "count/jobs.batch": "50",
}

DEFAULT: Values = {}

EVERYTHING: Values = {
    "images": {"registry": "images.example.com/ml", "tag": "1.2.3", "pullSecrets": ["pull-key"]},
    "teams": [
        {"name": "default", "quota": _HIGH_QUOTA, "queue": "default-queue"},
        {"name": "shopping", "policy": {"review": {"approvers": 2}, "canary": {"min_requests": 1000000}}},
    ],
    "teamsApprovingThemselves": ["default"],
    "oidc": {
        "issuer": "https://login.example.com:8443/realms/company",
        "clientId": "jinsu",
        "groups": {"ML Shopping": {"team": "shopping", "role": "researcher"}},
        "admins": ["platform-engineers"],
        "cidrs": ["192.0.2.0/24"],
    },
    "reviews": {"webhook": "http://chat.example.com:8065/hooks/reviews"},
    "airflow": {"apiServer": {"replicas": 2}, "config": {"AIRFLOW__CORE__PARALLELISM": "32"}},
    "api": {"replicas": 2, "autoscaling": {"enabled": True}},
    "gateway": {"replicas": 3, "autoscaling": {"enabled": True}, "service": {"type": "LoadBalancer"}},
    "broker": {"replicas": 2},
    "modelServers": {"replicas": 2, "priorityClass": "servers"},
    "public": {"api": "https://jinsu.example.com", "endpoint": "https://models.example.com"},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "annotations": {"example.com/timeout": "60"},
        "hosts": {
            "api": "jinsu.example.com",
            "airflow": "airflow.example.com",
            "mlflow": "mlflow.example.com",
            "endpoint": "models.example.com",
        },
        "tlsSecret": "certificate",
        "controller": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}],
    },
    "networkPolicy": {"apiServerCidrs": ["192.0.2.10/32"]},
    "egress": {"pypi": {"cidrs": ["198.51.100.0/24"], "ports": [443]}},
    "serviceMonitor": {"enabled": True},
    "nodeSelector": {"pool": "platform"},
    "tolerations": [{"key": "platform", "operator": "Exists"}],
    "training": {"nodeSelector": {"pool": "training"}, "tolerations": [{"key": "training", "operator": "Exists"}]},
}

OUTSIDE: Values = {
    "database": {
        "notifications": False,
        "roles": True,
        "bundled": {"enabled": False},
        "external": {"host": "db.example.com", "user": "ml", "options": "sslmode=verify-full"},
    },
    "objectStore": {
        "bucket": "models",
        "prefix": "jinsu/",
        "bundled": {"enabled": False},
        "external": {
            "endpoint": "https://s3.example.com",
            "existingSecret": "store-keys",
            "cidrs": ["192.0.2.8/32"],
            "caConfigMap": "private-authority",
        },
    },
    "secrets": {"existingSecret": "platform-keys"},
}

# The cloud's own store: no endpoint.
CLOUD: Values = {
    "database": {**OUTSIDE["database"], "roles": False},
    "objectStore": {
        "bucket": "models",
        "region": "eu-central-1",
        "bundled": {"enabled": False},
        "external": {"existingSecret": "store-keys", "cidrs": ["192.0.2.8/32"]},
    },
    "secrets": {"existingSecret": "platform-keys"},
}

# The cloud's own store, without keys.
ROLE: Values = {
    **CLOUD,
    "objectStore": {
        **CLOUD["objectStore"],
        "external": {"role": {"arn": "arn:aws:iam::123456789012:role/jinsu"}, "cidrs": ["192.0.2.8/32"]},
    },
    "teams": [{"name": "default"}, {"name": "speech", "namespace": "speech-lab", "createNamespace": False}],
}

OTHER_AIRFLOW: Values = {
    "airflow": {"enabled": False, "url": "https://airflow.example.com"},
    "ingress": EVERYTHING["ingress"],
    "networkPolicy": {"clients": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "airflow"}}}]},
    "secrets": {"existingSecret": "platform-keys"},
}

TEAMS: Values = {
    "teams": [
        {"name": "vision", "quota": _HIGH_QUOTA, "maxPerContainer": {"cpu": "16", "memory": "64Gi"}},
        {"name": "speech", "namespace": "speech-lab", "createNamespace": False, "quota": {"requests.cpu": "8"}},
    ],
}

BARE: Values = {
    "networkPolicy": {"enabled": False},
    "podDisruptionBudgets": {"enabled": False},
    "training": {"priorityClasses": {"create": False}},
    "database": {"bundled": {"persistence": {"enabled": False}}},
    "objectStore": {"bundled": {"persistence": {"enabled": False}}},
}

KUBEFLOW: Values = {
    "kubeflow": {
        "enabled": True,
        "namespace": "ml-pipelines",
        "annotations": {"example.com/role": "jinsu"},
        "runnerRole": {"kind": "ClusterRole", "name": "kubeflow-edit"},
    },
    "images": {"pullSecrets": ["pull-key"]},
    "teams": TEAMS["teams"],
}

# People sign in at an identity provider, and nowhere else.
OIDC: Values = {
    "public": {"api": "https://jinsu.example.com", "airflow": "https://airflow.example.com"},
    "localAccounts": False,
    "oidc": {
        "issuer": "https://id.example.com:8443/realms/ml",
        "clientId": "jinsu",
        "existingSecret": "oidc-client",
        "groups": {"ml-shopping": {"team": "shopping", "role": "reviewer"}},
        "admins": ["platform"],
    },
    "kubeflow": KUBEFLOW["kubeflow"],
}

VALUE_SETS: dict[str, Values] = {
    "default": DEFAULT,
    "everything": EVERYTHING,
    "outside": OUTSIDE,
    "cloud": CLOUD,
    "role": ROLE,
    "other Airflow": OTHER_AIRFLOW,
    "teams": TEAMS,
    "bare": BARE,
    "kubeflow": KUBEFLOW,
    "oidc": OIDC,
}
