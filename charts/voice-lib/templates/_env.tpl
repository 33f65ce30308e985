{{/*
voice-lib.env writes a map of names and plain values as environment variables, in the order of the names.
Takes the map. Nothing secret belongs into it: see voice-lib.secretEnv.
*/}}
{{- define "voice-lib.env" -}}
{{- range $name, $value := . }}
- name: {{ $name | quote }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/*
voice-lib.secretEnv takes one environment variable from a key of an existing Secret.
Takes a dict of "name" (the variable), "secret" (the Secret's name) and "key".
*/}}
{{- define "voice-lib.secretEnv" -}}
- name: {{ .name | quote }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret | quote }}
      key: {{ .key | quote }}
{{- end -}}
