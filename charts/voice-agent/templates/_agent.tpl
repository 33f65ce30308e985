{{/*
voice-agent.callEnv is what an agent and a worker need to take a call. Takes the top context.
*/}}
{{- define "voice-agent.callEnv" -}}
- name: LIVEKIT_URL
  value: {{ printf "ws://%s:7880" (include "voice-lib.component" (dict "root" . "component" "livekit")) | quote }}
{{ include "voice-lib.secretEnv" (dict "name" "LIVEKIT_KEYS" "secret" .Values.livekit.existingSecret "key" .Values.livekit.secretKey) }}
{{ include "voice-lib.secretEnv" (dict "name" "OPENAI_API_KEY" "secret" .Values.openai.existingSecret "key" .Values.openai.secretKey) }}
- name: OPENAI_MODEL
  value: {{ .Values.openai.model | quote }}
- name: OPENAI_VOICE
  value: {{ .Values.openai.voice | quote }}
{{- end -}}

{{/*
voice-agent.pod is what every pod of this chart has in common. Takes the top context.
*/}}
{{- define "voice-agent.pod" -}}
serviceAccountName: {{ include "voice-lib.serviceAccountName" . }}
automountServiceAccountToken: false
securityContext:
  {{- include "voice-lib.podSecurity" . | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}
