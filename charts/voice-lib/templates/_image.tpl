{{/*
voice-lib.image is an image's name as a container takes it.
Takes an image's values: repository and tag. A tag is never guessed.
*/}}
{{- define "voice-lib.image" -}}
{{- printf "%s:%s" .repository (required "image.tag is required: releaser pins it to the released commit" .tag) -}}
{{- end -}}
