{{/* A size such as 512Mi in bytes. */}}
{{- define "jinsu.bytes" -}}
{{- $units := dict "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- mul (regexFind "^[0-9]+" . | int64) (index $units (regexFind "[MGT]i$" .)) -}}
{{- end }}
{{/* settings.json: what every process of the platform reads. Secrets are named, never written. */}}
{{- define "jinsu.settings" -}}
{{- $name := include "jinsu.name" . -}}
{{- $values := .Values -}}
{{- $namespaces := dict -}}
{{- range $values.teams -}}
{{- $_ := set $namespaces .name (include "jinsu.teamNamespace" (dict "root" $ "team" .)) -}}
{{- end -}}
{{- $queues := dict -}}
{{- range $team := $values.teams -}}
{{- if $team.queue }}{{ $_ := set $queues $team.name $team.queue }}{{ end -}}
{{- end -}}
{{- $gpus := dict -}}
{{- range $type, $gpu := $values.training.gpus -}}
{{- $_ := set $gpus (ternary "" $type (eq $type "any")) (dict "resource" $gpu.resource "node_selector" (default dict $gpu.nodeSelector) "tolerations" (default list $gpu.tolerations)) -}}
{{- end -}}
{{- $priorities := dict -}}
{{- if $values.training.priorityClasses.create -}}
{{- range $level := list "low" "normal" "high" -}}
{{- $_ := set $priorities $level (include "jinsu.priorityClass" (dict "root" $ "level" $level)) -}}
{{- end -}}
{{- end -}}
{{- $store := include "jinsu.store" . | fromJson -}}
{{- $identity := include "jinsu.storeIdentity" . | fromJson | default nil -}}
{{- $steps := dict
  "namespaces" $namespaces
  "release" (printf "%s.%s" .Release.Namespace .Release.Name | trunc 63 | trimSuffix "." | trimSuffix "-")
  "trainer_image" (include "jinsu.image" (dict "root" . "name" "trainer"))
  "runtime_image" (include "jinsu.image" (dict "root" . "name" "runtime"))
  "platform_namespace" .Release.Namespace
  "platform_image" (include "jinsu.image" (dict "root" . "name" "platform"))
  "broker" (printf "http://%s:8081" (include "jinsu.host" (dict "root" . "part" "broker")))
  "lost_seconds" (int $values.training.lostSeconds)
  "ca_config_map" (include "jinsu.ca" .)
  "gpus" $gpus
  "priority_classes" $priorities
  "queues" $queues
  "node_selector" $values.training.nodeSelector
  "tolerations" $values.training.tolerations
  "volumes" $values.training.volumes
  "mounts" $values.training.mounts
  "pull_secrets" $values.images.pullSecrets
  "pull_policy" $values.images.pullPolicy
  "ephemeral_storage" $values.training.ephemeralStorage
  "ttl_seconds" (int $values.training.ttlSeconds)
-}}
{{- $servers := dict
  "image" (include "jinsu.image" (dict "root" . "name" "runtime"))
  "release" .Release.Name
  "owner" (printf "%s-catalog" $name)
  "account" (printf "%s-server" $name)
  "store_secret" (include "jinsu.storeSecret" .)
  "store_identity" $identity
  "ca_config_map" (include "jinsu.ca" .)
  "key_secret" (include "jinsu.secret" .)
  "store" $store
  "replicas" (int $values.modelServers.replicas)
  "pull_policy" $values.images.pullPolicy
  "pull_secrets" $values.images.pullSecrets
  "resources" $values.modelServers.resources
  "node_selector" $values.modelServers.nodeSelector
  "tolerations" $values.modelServers.tolerations
  "priority_class" $values.modelServers.priorityClass
  "gpu_image" $values.modelServers.gpu.image
  "gpu" (dict "resource" $values.modelServers.gpu.resource "node_selector" (default dict $values.modelServers.gpu.nodeSelector) "tolerations" (default list $values.modelServers.gpu.tolerations))
-}}
{{- $public := dict -}}
{{- range $part := list "api" "airflow" "mlflow" "endpoint" -}}
{{- with include "jinsu.public" (dict "root" $ "part" $part) }}{{ $_ := set $public $part . }}{{ end -}}
{{- end -}}
{{- $policies := dict -}}
{{- range $team := $values.teams -}}
{{- if hasKey $team "policy" -}}
{{- if has $team.name $values.teamsApprovingThemselves }}{{ fail (printf "teamsApprovingThemselves: team %s has a policy too; say review.self_approval there" $team.name) }}{{ end -}}
{{- $_ := set $policies $team.name (default dict $team.policy) -}}
{{- end -}}
{{- end -}}
{{- $oidc := dict -}}
{{- if $values.oidc.issuer -}}
{{- $oidc = dict
  "issuer" $values.oidc.issuer
  "client_id" (required "oidc.clientId: say what the provider calls Jinsu" $values.oidc.clientId)
  "client_secret" (ternary "" "${JINSU_OIDC_CLIENT_SECRET:-}" $values.oidc.publicClient)
  "scopes" $values.oidc.scopes
  "name_claim" $values.oidc.nameClaim
  "groups_claim" $values.oidc.groupsClaim
  "groups" $values.oidc.groups
  "admins" $values.oidc.admins
-}}
{{- else if ne (toString $values.localAccounts) "auto" -}}
{{- if not $values.localAccounts }}{{ fail "localAccounts: without oidc.issuer nobody could sign in" }}{{ end -}}
{{- end -}}
{{- dict
  "home" "/jinsu/home"
  "runtime" "/tmp"
  "bind" "0.0.0.0"
  "database_url" (include "jinsu.databaseUrl" (dict "root" . "name" "jinsu" "driver" "psycopg"))
  "airflow_database_url" (include "jinsu.databaseUrl" (dict "root" . "name" "airflow" "driver" "psycopg2"))
  "mlflow_database_url" (include "jinsu.databaseUrl" (dict "root" . "name" "mlflow" "driver" "psycopg2"))
  "mlflow_auth_database_url" (include "jinsu.databaseUrl" (dict "root" . "name" "mlflow" "driver" "psycopg2"))
  "api_url" (printf "http://%s:8080" (include "jinsu.host" (dict "root" . "part" "api")))
  "endpoint_url" (printf "http://%s:8080" (include "jinsu.host" (dict "root" . "part" "gateway")))
  "airflow_url" (include "jinsu.airflowUrl" .)
  "mlflow_url" (printf "http://%s:5000" (include "jinsu.host" (dict "root" . "part" "mlflow")))
  "envoy_admin_url" ""
  "xds_port" 18000
  "mlflow" (dict "name" "admin" "password" "${JINSU_MLFLOW_PASSWORD:-}")
  "supervisor_password" ""
  "airflow_secret" "${JINSU_AIRFLOW_SECRET:-}"
  "mlflow_secret" "${JINSU_MLFLOW_SECRET:-}"
  "fernet_key" "${JINSU_FERNET_KEY:-}"
  "split_secret" "${JINSU_SPLIT_SECRET:-}"
  "training_slots" (int $values.training.slots)
  "python_index" $values.training.pythonIndex
  "runs_at_once" (int $values.runs.atOnce)
  "runs_per_team" (int $values.runs.perTeam)
  "runs_per_person" (int $values.runs.perPerson)
  "step_memory" (include "jinsu.bytes" $values.steps.memory | int64)
  "step_hours" (float64 $values.steps.hours)
  "object_cache_bytes" (include "jinsu.bytes" $values.objectStore.cache | int64)
  "retention" (dict
    "failed_runs" ($values.retention.failedRuns | default nil)
    "unnamed" ($values.retention.unnamed | default nil)
    "dataset_versions" ($values.retention.datasetVersions | default nil)
    "old_versions" ($values.retention.oldVersions | default nil)
    "old_versions_kept" (int $values.retention.oldVersionsKept))
  "max_gpus" (int $values.training.maxGpus)
  "teams_approving_themselves" $values.teamsApprovingThemselves
  "object_store" $store
  "artifacts" (printf "s3://%s/%smlflow" $values.objectStore.bucket (ternary "" (printf "%s/" (trimSuffix "/" $values.objectStore.prefix)) (empty $values.objectStore.prefix)))
  "notifications" $values.database.notifications
  "public" $public
  "local_accounts" (ternary (empty $oidc) $values.localAccounts (eq (toString $values.localAccounts) "auto"))
  "oidc" ($oidc | default nil)
  "policies" $policies
  "review_webhook" ($values.reviews.webhook | default "${JINSU_REVIEW_WEBHOOK:-}")
  "kubernetes" (dict
    "namespace" .Release.Namespace
    "catalog" (printf "%s-catalog" $name)
    "gateways" (printf "%s-gateway-statistics:9902" $name)
    "gateway_key" "${JINSU_GATEWAY_KEY:-}"
    "steps" $steps
    "servers" $servers
    "step_key" "${JINSU_STEP_KEY:-}")
  | toPrettyJson -}}
{{- end }}
