package main

import (
	"strings"
	"testing"
)

const whole = `{"openapi": "3.0.3", "info": {"title": "T", "version": "1", "license": {"name": "MIT"}, "description": "prose"},
"paths": {
  "/a": {"get": {"operationId": "a/get", "summary": "prose", "tags": ["t"], "responses": {"200": {"description": "prose",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/a"}, "examples": {"x": {"$ref": "#/components/examples/x"}}}}}}},
         "put": {"operationId": "a/put"}},
  "/b": {"get": {"operationId": "b/get"}}},
"x-webhooks": {"push": {"post": {"operationId": "push"}}, "star": {"post": {"operationId": "star"}}},
"components": {"schemas": {
  "a": {"type": "object", "description": "prose", "properties": {"description": {"type": "string", "description": "prose"}, "b": {"$ref": "#/components/schemas/b"}}},
  "b": {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/a"}}},
  "unused": {}}}}`

const part = `{
"openapi": "3.0.3",
"info": {"license":{"name":"MIT"},"title":"T","version":"1"},
"paths": {
"/a": {"get":{"operationId":"a/get","responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/a"}}}}}}},
"/webhooks/push": {"post":{"operationId":"push"}}
},
"components": {
"schemas": {
"a": {"properties":{"b":{"$ref":"#/components/schemas/b"},"description":{"type":"string"}},"type":"object"},
"b": {"properties":{"a":{"$ref":"#/components/schemas/a"}},"type":"object"}
}
}
}
`

func TestTheCutKeepsWhatIsNamedAndReferredTo(t *testing.T) {
	t.Parallel()
	for range 2 {
		got, err := Cut([]byte(whole), []string{"a/get", "webhook push"})
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != part {
			t.Errorf("got\n%s\nwant\n%s", got, part)
		}
	}
}

func TestAnOperationThatIsGoneIsAnError(t *testing.T) {
	t.Parallel()
	_, err := Cut([]byte(whole), []string{"a/get", "z/get", "webhook fork"})
	if err == nil || !strings.Contains(err.Error(), "webhook fork, z/get") {
		t.Errorf("error is %v", err)
	}
}
