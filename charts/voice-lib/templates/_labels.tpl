{{/*
voice-lib.labels are the recommended labels of Kubernetes.
Takes a dict of "root" (the top context) and "component".
*/}}
{{- define "voice-lib.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .root.Values.image.tag | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
{{ include "voice-lib.selectorLabels" . }}
{{- end -}}

{{/*
voice-lib.selectorLabels pick one component's pods. They never change during a release's life.
Takes a dict of "root" (the top context) and "component".
*/}}
{{- define "voice-lib.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}
