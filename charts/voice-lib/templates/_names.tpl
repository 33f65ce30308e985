{{/*
voice-lib.fullname is the name of a release's objects: the release's own, which is unique in its namespace, so
that two releases never collide. Helm keeps it to 53 characters; a component's suffix of up to nine fits into
the 63 of a label.
*/}}
{{- define "voice-lib.fullname" -}}
{{- .Release.Name -}}
{{- end -}}

{{/*
voice-lib.component is the name of one component's objects.
Takes a dict of "root" (the top context) and "component".
*/}}
{{- define "voice-lib.component" -}}
{{- printf "%s-%s" (include "voice-lib.fullname" .root) .component -}}
{{- end -}}

{{/*
voice-lib.serviceAccountName is the service account that the pods run as. Takes the top context.
*/}}
{{- define "voice-lib.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "voice-lib.fullname" .) .Values.serviceAccount.name | quote -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name | quote -}}
{{- end -}}
{{- end -}}
