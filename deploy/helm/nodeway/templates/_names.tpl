{{- define "nodeway.name" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains "nodeway" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-nodeway" .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "nodeway.serviceAccount" -}}
{{- if .Values.serviceAccount.name }}{{ .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create }}{{ include "nodeway.name" . }}
{{- else }}default
{{- end }}
{{- end }}

{{- define "nodeway.selector" -}}
app.kubernetes.io/name: nodeway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "nodeway.labels" -}}
{{ include "nodeway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: nodeway
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "nodeway.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}
{{- else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{- define "nodeway.metricsAddress" -}}
{{- if contains ":" .Values.metrics.address }}[{{ .Values.metrics.address }}]{{ else }}{{ .Values.metrics.address }}{{ end }}:{{ .Values.metrics.port }}
{{- end }}

{{- /* Of a probe: the pod's own address is the node's, unless the port is open at another one only. */}}
{{- define "nodeway.probe" -}}
httpGet:
  path: {{ .path }}
  port: {{ .metrics.port }}
{{- if not (has .metrics.address (list "0.0.0.0" "::")) }}
  host: {{ .metrics.address | quote }}
{{- end }}
{{- end }}
