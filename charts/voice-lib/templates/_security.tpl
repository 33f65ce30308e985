{{/*
voice-lib.podSecurity is a pod's security context that passes the Pod Security Standard "restricted".
*/}}
{{- define "voice-lib.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/*
voice-lib.containerSecurity is a container's security context that passes the Pod Security Standard "restricted".
*/}}
{{- define "voice-lib.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
