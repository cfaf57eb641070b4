{{- define "jinsu.name" -}}
{{- if contains "jinsu" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-jinsu" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "jinsu.selector" -}}
app.kubernetes.io/name: jinsu
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "jinsu.labels" -}}
{{ include "jinsu.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: jinsu
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* Image of ("platform" | "runtime" | "trainer" | "gateway"). */}}
{{- define "jinsu.image" -}}
{{- $image := index .root.Values.images .name -}}
{{- $repository := $image.repository -}}
{{- with .root.Values.images.registry }}{{ $repository = printf "%s/%s" (trimSuffix "/" .) $repository }}{{ end -}}
{{- if $image.digest }}{{ printf "%s@%s" $repository $image.digest }}{{ else }}{{ printf "%s:%s" $repository (default .root.Chart.AppVersion .root.Values.images.tag) }}{{ end -}}
{{- end }}

{{- define "jinsu.secret" -}}
{{ default (include "jinsu.name" .) .Values.secrets.existingSecret }}
{{- end }}

{{/* Secret with the object store's keys. */}}
{{- define "jinsu.storeSecret" -}}
{{- $external := .Values.objectStore.external -}}
{{- if .Values.objectStore.bundled.enabled }}{{ include "jinsu.name" . }}-store{{ else if not $external.role.arn }}{{ required "objectStore.external.existingSecret: name the Secret with the store's keys; or set objectStore.external.role.arn, or objectStore.bundled.enabled" $external.existingSecret }}{{ end -}}
{{- end }}

{{/* The role that stands for the store's keys, as the platform is told about it; empty where there are keys. */}}
{{- define "jinsu.storeIdentity" -}}
{{- $role := .Values.objectStore.external.role -}}
{{- if and $role.arn (not .Values.objectStore.bundled.enabled) -}}
{{- dict "role" $role.arn "audience" $role.audience "endpoint" $role.endpoint "region" .Values.objectStore.region | toJson -}}
{{- else }}{}{{ end -}}
{{- end }}

{{- define "jinsu.teamNamespace" -}}
{{ default (printf "%s-%s" .root.Release.Namespace .team.name) .team.namespace }}
{{- end }}

{{/* One team with what it does not say itself: namespace, createNamespace, quota, maxPerContainer, queue. */}}
{{- define "jinsu.team" -}}
{{- $defaults := .root.Values.teamDefaults -}}
{{- $own := .team -}}
{{- dict
  "name" $own.name
  "namespace" (include "jinsu.teamNamespace" .)
  "createNamespace" (dig "createNamespace" true $own)
  "quota" (dig "quota" $defaults.quota $own)
  "maxPerContainer" (dig "maxPerContainer" $defaults.maxPerContainer $own)
  "queue" (dig "queue" "" $own) | toJson -}}
{{- end }}

{{- define "jinsu.priorityClass" -}}
{{ printf "%s-%s-%s" .root.Release.Namespace (include "jinsu.name" .root) .level | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Address of a part, from every namespace. */}}
{{- define "jinsu.host" -}}
{{ include "jinsu.name" .root }}-{{ .part }}.{{ .root.Release.Namespace }}.svc
{{- end }}

{{- define "jinsu.databaseHost" -}}
{{- if .Values.database.bundled.enabled }}{{ include "jinsu.host" (dict "root" . "part" "database") }}:5432{{ else }}{{ required "database.external.host: say where PostgreSQL is, or set database.bundled.enabled" .Values.database.external.host }}:{{ .Values.database.external.port }}{{ end -}}
{{- end }}

{{/* The account that owns the tables and migrates them. */}}
{{- define "jinsu.databaseOwner" -}}
{{ ternary "jinsu" .Values.database.external.user .Values.database.bundled.enabled }}
{{- end }}

{{/* What the account of each process is called after the owner's and `_`, by component; empty where all share one. */}}
{{- define "jinsu.databaseRoles" -}}
{{- if or .Values.database.roles (and .Values.database.bundled.enabled (not .Values.secrets.existingSecret)) -}}
{{- dict "api" "api" "controller" "controller" "mlflow" "mlflow" "scheduler" "scheduler" "airflow" "airflow" "dag-processor" "dag_processor" "triggerer" "triggerer" | toJson -}}
{{- else }}{}{{ end -}}
{{- end }}

{{/* Keys of the Secret with the passwords of these accounts. */}}
{{- define "jinsu.databaseKeys" -}}
{{- $keys := list -}}
{{- range include "jinsu.databaseRoles" . | fromJson }}{{ $keys = append $keys (printf "JINSU_DATABASE_PASSWORD_%s" (upper .)) }}{{ end -}}
{{- toJson $keys -}}
{{- end }}

{{- define "jinsu.databaseUrl" -}}
{{- $external := .root.Values.database.external -}}
{{- $bundled := .root.Values.database.bundled.enabled -}}
{{- $name := ternary .name (index $external.names .name) $bundled -}}
{{- $options := ternary "" $external.options $bundled -}}
postgresql+{{ .driver }}://${JINSU_DATABASE_USER:-{{ .user | default (include "jinsu.databaseOwner" .root) }}}:${JINSU_DATABASE_PASSWORD:-}@{{ include "jinsu.databaseHost" .root }}/{{ $name }}{{ with $options }}?{{ . }}{{ end }}
{{- end }}

{{- define "jinsu.airflowUrl" -}}
{{- if .Values.airflow.enabled }}http://{{ include "jinsu.host" (dict "root" . "part" "airflow") }}:8080{{ else }}{{ required "airflow.url: say where Airflow is, or set airflow.enabled" .Values.airflow.url }}{{ end -}}
{{- end }}

{{/* The object store as the platform and its steps are told about it, without keys. */}}
{{- define "jinsu.store" -}}
{{- $store := .Values.objectStore -}}
{{- $endpoint := ternary (printf "http://%s:9000" (include "jinsu.host" (dict "root" . "part" "store"))) $store.external.endpoint $store.bundled.enabled -}}
{{- $ca := and (not $store.bundled.enabled) $store.external.caConfigMap -}}
{{- dict "bucket" $store.bucket "endpoint" (ternary nil $endpoint (empty $endpoint)) "region" $store.region "prefix" $store.prefix "path_style" (or $store.bundled.enabled $store.external.pathStyle) "ca_file" (ternary "/etc/jinsu-ca/ca.crt" nil (not (empty $ca))) | toJson -}}
{{- end }}

{{- define "jinsu.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "jinsu.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "jinsu.placement" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Which secrets each process has, by component: keys of the platform's Secret, and `store` for the object store. The page
docs/kubernetes.md has the same table. A process reads all of settings.json; what it has no secret for is empty there. */}}
{{- define "jinsu.secretsOf" -}}
{{- $database := "JINSU_DATABASE_PASSWORD" -}}
{{- dict
  "api" (list $database "JINSU_AIRFLOW_SECRET" "JINSU_MLFLOW_PASSWORD" "JINSU_SPLIT_SECRET" "JINSU_STEP_KEY" "JINSU_OIDC_CLIENT_SECRET" "store")
  "controller" (list $database "JINSU_AIRFLOW_SECRET" "JINSU_MLFLOW_PASSWORD" "JINSU_GATEWAY_KEY" "JINSU_SERVER_KEY" "JINSU_REVIEW_WEBHOOK" "store")
  "mlflow" (list $database "JINSU_MLFLOW_PASSWORD" "JINSU_MLFLOW_SECRET" "store")
  "airflow" (list $database "JINSU_AIRFLOW_SECRET" "JINSU_FERNET_KEY")
  "scheduler" (list $database "JINSU_AIRFLOW_SECRET" "JINSU_FERNET_KEY" "JINSU_MLFLOW_PASSWORD" "JINSU_SPLIT_SECRET" "JINSU_STEP_KEY" "store")
  "dag-processor" (list $database)
  "triggerer" (list $database "JINSU_AIRFLOW_SECRET" "JINSU_FERNET_KEY" "store")
  "migrate" (list $database "JINSU_ADMIN_TOKEN" "JINSU_FERNET_KEY")
  "wait" (list $database)
  "test" (list "JINSU_AIRFLOW_SECRET")
  "test-training" list
| toJson -}}
{{- end }}

{{/* Whether a component reaches the object store. */}}
{{- define "jinsu.usesStore" -}}
{{- if has "store" (index (include "jinsu.secretsOf" .root | fromJson) .component) }}true{{ end -}}
{{- end }}

{{/* Environment of a process of the platform image: where its settings are, and the secrets that it uses.
root, component; optional: more (variables), of (the component whose database account it uses), secret (its name). */}}
{{- define "jinsu.environment" -}}
{{- $root := .root -}}
{{- $store := include "jinsu.usesStore" . -}}
{{- $secret := .secret | default (include "jinsu.secret" .root) -}}
{{- $role := index (include "jinsu.databaseRoles" .root | fromJson) (.of | default .component) -}}
{{- $keys := index (include "jinsu.secretsOf" .root | fromJson) .component | default list -}}
{{- if eq .component "migrate" }}{{ $keys = concat $keys (include "jinsu.databaseKeys" .root | fromJsonArray) }}{{ end -}}
env:
  - name: JINSU_HOME
    value: /jinsu/home
  - name: JINSU_CATALOG
    value: /jinsu/catalog/catalog.json
  {{- range $name, $value := .more }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
  {{- range $keys }}
  {{- if eq . "JINSU_OIDC_CLIENT_SECRET" }}
  {{- if and $root.Values.oidc.issuer (not $root.Values.oidc.publicClient) }}
  - name: {{ . }}
    valueFrom:
      secretKeyRef: {name: {{ $root.Values.oidc.existingSecret | default $secret }}, key: {{ . }}, optional: true}
  {{- end }}
  {{- else if eq . "JINSU_REVIEW_WEBHOOK" }}
  {{- if not $root.Values.reviews.webhook }}
  - name: {{ . }}
    valueFrom:
      secretKeyRef: {name: {{ $secret }}, key: {{ . }}, optional: true}
  {{- end }}
  {{- else if and (eq . "JINSU_DATABASE_PASSWORD") $role }}
  - name: JINSU_DATABASE_USER
    value: {{ include "jinsu.databaseOwner" $root }}_{{ $role }}
  - name: {{ . }}
    valueFrom:
      secretKeyRef: {name: {{ $secret }}, key: JINSU_DATABASE_PASSWORD_{{ upper $role }}}
  {{- else if eq . "JINSU_SPLIT_SECRET" }}
  - name: {{ . }}
    valueFrom:
      secretKeyRef: {name: {{ $secret }}, key: {{ include "jinsu.splitKey" $root }}}
  {{- else if eq . "JINSU_STEP_KEY" }}
  - name: {{ . }}
    valueFrom:
      secretKeyRef: {name: {{ $secret }}, key: {{ include "jinsu.stepKey" $root }}}
  {{- else if ne . "store" }}
  - name: {{ . }}
    valueFrom:
      secretKeyRef: {name: {{ $secret }}, key: {{ . }}}
  {{- end }}
  {{- end }}
  {{- if $store }}
  {{- with include "jinsu.storeIdentity" .root | fromJson }}
  - name: AWS_ROLE_ARN
    value: {{ .role | quote }}
  - name: AWS_WEB_IDENTITY_TOKEN_FILE
    value: /var/run/jinsu-store/token
  - name: AWS_DEFAULT_REGION
    value: {{ .region | quote }}
  {{- with .endpoint }}
  - name: AWS_ENDPOINT_URL_STS
    value: {{ . | quote }}
  {{- end }}
  {{- end }}
  {{- with include "jinsu.storeSecret" .root }}
  {{- $keys := . }}
  {{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
  - name: {{ . }}
    valueFrom:
      secretKeyRef: {name: {{ $keys }}, key: {{ . }}}
  {{- end }}
  {{- end }}
  {{- end }}
{{- end }}

{{/* The key of the Secret that the secrets of splits follow from. A Secret of one's own that is older has the other one, and
splits that follow from another value would not agree with those that there are. */}}
{{- define "jinsu.splitKey" -}}
{{- $found := dict -}}
{{- with .Values.secrets.existingSecret }}{{ $found = dig "data" dict (lookup "v1" "Secret" $.Release.Namespace . | default dict) }}{{ end -}}
{{- if and $found (not (hasKey $found "JINSU_SPLIT_SECRET")) }}JINSU_FERNET_KEY{{ else }}JINSU_SPLIT_SECRET{{ end -}}
{{- end }}

{{/* root, component. */}}
{{- define "jinsu.mounts" -}}
- name: home
  mountPath: /jinsu/home
- name: settings
  mountPath: /jinsu/home/settings.json
  subPath: settings.json
  readOnly: true
- name: catalog
  mountPath: /jinsu/catalog
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- if include "jinsu.ca" .root }}
- name: ca
  mountPath: /etc/jinsu-ca
  readOnly: true
{{- end }}
{{- if and (include "jinsu.usesStore" .) (include "jinsu.storeIdentity" .root | fromJson) }}
- name: store-identity
  mountPath: /var/run/jinsu-store
  readOnly: true
{{- end }}
{{- end }}

{{- define "jinsu.ca" -}}
{{- if not .Values.objectStore.bundled.enabled }}{{ .Values.objectStore.external.caConfigMap }}{{ end -}}
{{- end }}

{{/* root, component; optional: home (size), settings (name). */}}
{{- define "jinsu.volumes" -}}
- name: home
  emptyDir:
    sizeLimit: {{ .home | default "2Gi" }}
- name: settings
  configMap:
    name: {{ include "jinsu.name" .root }}-{{ .settings | default "settings" }}
- name: catalog
  configMap:
    name: {{ include "jinsu.name" .root }}-catalog
- name: tmp
  emptyDir:
    sizeLimit: 2Gi
{{- with include "jinsu.ca" .root }}
- name: ca
  configMap:
    name: {{ . }}
{{- end }}
{{- if include "jinsu.usesStore" . }}
{{- with include "jinsu.storeIdentity" .root | fromJson }}
- name: store-identity
  projected:
    sources:
      - serviceAccountToken: {audience: {{ .audience | quote }}, expirationSeconds: 3600, path: token}
{{- end }}
{{- end }}
{{- end }}

{{/* One process of the platform image as a Deployment.
root, component, command (list after `python -m jinsu.cluster`), resources; optional: port, account, token, replicas,
health (path), beat (part of Airflow), home (size), more (environment), strategy, ports (more of them). */}}
{{- define "jinsu.deployment" -}}
{{- $name := include "jinsu.name" .root -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "jinsu.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ .replicas | default 1 }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    type: {{ .strategy | default "RollingUpdate" }}
  selector:
    matchLabels:
      {{- include "jinsu.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "jinsu.labels" . | nindent 8 }}
      annotations:
        jinsu.dev/settings: {{ include "jinsu.settings" .root | sha256sum }}
    spec:
      serviceAccountName: {{ $name }}-{{ .account | default "server" }}
      automountServiceAccountToken: {{ .token | default false }}
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ .grace | default 30 }}
      securityContext:
        {{- include "jinsu.podSecurity" .root | nindent 8 }}
      {{- include "jinsu.placement" .root | nindent 6 }}
      initContainers:
        - name: wait
          image: {{ include "jinsu.image" (dict "root" .root "name" "platform") }}
          imagePullPolicy: {{ .root.Values.images.pullPolicy }}
          command: [python, -m, jinsu.cluster, wait]
          {{- include "jinsu.environment" (dict "root" .root "component" "wait" "of" .component) | nindent 10 }}
          terminationMessagePolicy: FallbackToLogsOnError
          securityContext:
            {{- include "jinsu.confined" .root | nindent 12 }}
          resources:
            {{- toYaml .resources | nindent 12 }}
          volumeMounts:
            {{- include "jinsu.mounts" (dict "root" .root "component" "wait") | nindent 12 }}
      containers:
        - name: {{ .component }}
          image: {{ include "jinsu.image" (dict "root" .root "name" "platform") }}
          imagePullPolicy: {{ .root.Values.images.pullPolicy }}
          command: [python, -m, jinsu.cluster]
          args: {{ toJson .command }}
          {{- include "jinsu.environment" . | nindent 10 }}
          terminationMessagePolicy: FallbackToLogsOnError
          securityContext:
            {{- include "jinsu.confined" .root | nindent 12 }}
          resources:
            {{- toYaml .resources | nindent 12 }}
          {{- if or .port .ports }}
          ports:
            {{- with .port }}
            - {name: http, containerPort: {{ . }}, protocol: TCP}
            {{- end }}
            {{- range $port, $number := .ports }}
            - {name: {{ $port }}, containerPort: {{ $number }}, protocol: TCP}
            {{- end }}
          {{- end }}
          {{- with .health }}
          startupProbe:
            httpGet: {path: {{ . }}, port: http}
            periodSeconds: 2
            timeoutSeconds: 5
            failureThreshold: 150
          readinessProbe:
            httpGet: {path: {{ . }}, port: http}
            periodSeconds: 5
            timeoutSeconds: 5
          livenessProbe:
            httpGet: {path: {{ . }}, port: http}
            periodSeconds: 20
            timeoutSeconds: 10
            failureThreshold: 6
          {{- end }}
          {{- with .beat }}
          livenessProbe:
            exec:
              command: [python, -m, jinsu.cluster.heartbeat, {{ . }}]
            initialDelaySeconds: 120
            periodSeconds: 60
            timeoutSeconds: 20
            failureThreshold: 3
          {{- end }}
          {{- with .listens }}
          startupProbe:
            tcpSocket: {port: {{ . }}}
            periodSeconds: 2
            failureThreshold: 150
          readinessProbe:
            tcpSocket: {port: {{ . }}}
            periodSeconds: 5
          {{- if not $.beat }}
          livenessProbe:
            tcpSocket: {port: {{ . }}}
            periodSeconds: 20
            failureThreshold: 6
          {{- end }}
          {{- end }}
          volumeMounts:
            {{- include "jinsu.mounts" . | nindent 12 }}
      volumes:
        {{- include "jinsu.volumes" . | nindent 8 }}
{{- end }}

{{/* Port of an address; without one, that of its scheme. */}}
{{- define "jinsu.portOf" -}}
{{- $host := regexReplaceAll "^https?://([^/]*).*$" . "${1}" -}}
{{- if regexMatch ":[0-9]+$" $host }}{{ regexFind "[0-9]+$" $host }}{{ else if hasPrefix "http://" . }}80{{ else }}443{{ end -}}
{{- end }}

{{/* Keys of the Secret that clients of models show, one a client. */}}
{{- define "jinsu.clientKeys" -}}
{{- $keys := list -}}
{{- range .Values.gateway.clients }}{{ $keys = append $keys (printf "JINSU_ENDPOINT_KEY_%s" (upper . | replace "-" "_")) }}{{ end -}}
{{- toJson $keys -}}
{{- end }}

{{/* Where people find ("api" | "airflow" | "mlflow" | "endpoint"): a given address, the Ingress's host, or the port that the
notes forward; empty for an Airflow that is another one's, whose address is known. */}}
{{- define "jinsu.public" -}}
{{- $values := .root.Values -}}
{{- $host := ternary (index $values.ingress.hosts .part) "" $values.ingress.enabled -}}
{{- $forwarded := dict "api" "http://127.0.0.1:7700" "airflow" "http://127.0.0.1:7702" "mlflow" "http://127.0.0.1:7703" "endpoint" "http://127.0.0.1:7701" -}}
{{- if index $values.public .part -}}
{{ trimSuffix "/" (index $values.public .part) }}
{{- else if and (eq .part "airflow") (not $values.airflow.enabled) -}}
{{- else if $host -}}
http{{ if $values.ingress.tlsSecret }}s{{ end }}://{{ $host }}
{{- else -}}
{{ index $forwarded .part | default "" }}
{{- end -}}
{{- end }}

{{/* Peers of a NetworkPolicy for what is outside: these address ranges, or any address. */}}
{{- define "jinsu.reach" -}}
{{- range . }}
- ipBlock: {cidr: {{ . }}}
{{- else }}
# Anywhere, also in this cluster, but where a cloud tells a node who it is.
- namespaceSelector: {}
- ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}
- ipBlock: {cidr: "::/0", except: ["fe80::/10"]}
{{- end }}
{{- end }}

{{/* Where the Kubernetes API listens: address ranges and ports. Without the value the cluster is asked, at the installation
and at each upgrade; a template that is rendered without a cluster names all private addresses. */}}
{{- define "jinsu.kubernetesApi" -}}
{{- $found := .Values.networkPolicy.apiServerCidrs -}}
{{- $ports := .Values.networkPolicy.apiServerPorts -}}
{{- if not $found -}}
{{- $addresses := list -}}
{{- $service := lookup "v1" "Service" "default" "kubernetes" | default dict -}}
{{- $addresses = concat $addresses (dig "spec" "clusterIPs" (dig "spec" "clusterIP" "" $service | list | compact) $service) -}}
{{- if .Capabilities.APIVersions.Has "discovery.k8s.io/v1/EndpointSlice" -}}
{{- range (lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "" | default dict).items -}}
{{- if eq (dig "metadata" "labels" "kubernetes.io/service-name" "" .) "kubernetes" -}}
{{- range .endpoints }}{{ $addresses = concat $addresses .addresses }}{{ end -}}
{{- range .ports }}{{ $ports = append $ports (int .port) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- range (lookup "v1" "Endpoints" "default" "kubernetes" | default dict).subsets -}}
{{- range .addresses }}{{ $addresses = append $addresses .ip }}{{ end -}}
{{- range .ports }}{{ $ports = append $ports (int .port) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range uniq $addresses }}{{ $found = append $found (printf "%s/%s" . (ternary "128" "32" (contains ":" .))) }}{{ end -}}
{{- end -}}
{{- $private := list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" "100.64.0.0/10" "fc00::/7" -}}
{{- $whole := list -}}
{{- range $ports }}{{ $whole = append $whole (int .) }}{{ end -}}
{{- dict "cidrs" ($found | default $private) "ports" (uniq $whole) | toJson -}}
{{- end }}
