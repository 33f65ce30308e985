{{/*
voice-lib.image is an image's name as a container takes it. A tag is never guessed.
Takes a dict of "image" (its values: repository and tag) and "key" (where they stand in the values, for the message).
*/}}
{{- define "voice-lib.image" -}}
{{- $repository := required (printf "%s.repository is required" .key) .image.repository -}}
{{- $tag := required (printf "%s.tag is required: name the version to run, a release pins its own" .key) .image.tag -}}
{{- printf "%s:%s" $repository $tag | quote -}}
{{- end -}}
