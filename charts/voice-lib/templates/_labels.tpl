{{/*
voice-lib.labels are the recommended labels of Kubernetes, for the metadata of an object. They are never for a pod's
template, which takes voice-lib.selectorLabels: the chart's version and the app's change with every release, and a
label that changes there restarts the pods.
Takes a dict of "root" (the top context) and, where the object has one, "component" and "version" (the image's tag).
*/}}
{{- define "voice-lib.labels" -}}
helm.sh/chart: {{ include "voice-lib.labelValue" (printf "%s-%s" .root.Chart.Name .root.Chart.Version) }}
{{- with .version }}
app.kubernetes.io/version: {{ include "voice-lib.labelValue" . }}
{{- end }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
{{- if .component }}
{{ include "voice-lib.selectorLabels" . }}
{{- else }}
{{ include "voice-lib.releaseLabels" . }}
{{- end }}
{{- end -}}

{{/*
voice-lib.selectorLabels pick one component's pods. They never change during a release's life.
Takes a dict of "root" (the top context) and "component".
*/}}
{{- define "voice-lib.selectorLabels" -}}
{{ include "voice-lib.releaseLabels" . }}
app.kubernetes.io/component: {{ required "voice-lib.selectorLabels needs a component: without one it picks every pod of the release" .component }}
{{- end -}}

{{/*
voice-lib.releaseLabels are what every object of a release has in common.
Takes a dict of "root" (the top context).
*/}}
{{- define "voice-lib.releaseLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- end -}}

{{/*
voice-lib.labelValue makes a version a label's value: at most 63 characters, a letter or a digit at the end, no "+".
Takes the text.
*/}}
{{- define "voice-lib.labelValue" -}}
{{- . | replace "+" "_" | trunc 63 | regexFind "^.*[A-Za-z0-9]" | quote -}}
{{- end -}}
