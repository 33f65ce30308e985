package openapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// everywhere are the answers that GitHub gives to any operation, whatever its description says: credentials (401), limits (403,
// 429), things that are not there or not to be seen (404), and its own trouble.
func everywhere() []int {
	return []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable}
}

// undocumented judges an answer that the operation does not describe. Most are failures.
func (h *hearing) undocumented(r *http.Request, answer *transcript) {
	switch {
	case answer.status == http.StatusNotModified && r.Header.Get("If-None-Match") != "":
	case slices.Contains(everywhere(), answer.status):
		h.plainError(answer)
	// The description of statuses has nothing but success.
	case answer.status == http.StatusUnprocessableEntity && h.route.Operation.OperationID == "repos/create-commit-status":
		h.plainError(answer)
	default:
		h.fail("response", "status %d is not described", answer.status)
	}
}

// plainError checks an error's shape, which is the same everywhere.
func (h *hearing) plainError(answer *transcript) {
	var body struct {
		Message       *string `json:"message"`
		Documentation *string `json:"documentation_url"`
	}
	if err := json.Unmarshal(answer.body.Bytes(), &body); err != nil || body.Message == nil || body.Documentation == nil {
		h.fail("response", "%d without message and documentation_url", answer.status)
	}
}

// hooks is where the cut keeps the webhooks.
const hooks = "/webhooks/"

// Webhook judges the payload of a webhook that the stand-in sent. The name is the event's, with the action after a
// dash: push, pull-request-opened.
func Webhook(t T, name string, payload []byte) {
	t.Helper()
	doc, err := description()
	if err != nil {
		t.Errorf("openapi: the cut does not load: %v", err)
		return
	}
	item := doc.Paths.Value(hooks + strings.ReplaceAll(name, "_", "-"))
	if item == nil {
		t.Errorf("openapi: webhook %s is not in the cut; add it to cut/operations.txt", name)
		return
	}
	schema := item.Post.RequestBody.Value.Content.Get("application/json").Schema.Value
	var value any
	if err := json.Unmarshal(payload, &value); err != nil {
		t.Errorf("openapi: webhook %s: %v", name, err)
		return
	}
	if err := schema.VisitJSON(value, openapi3.MultiErrors(), openapi3.SetSchemaErrorMessageCustomizer(brief)); err != nil {
		t.Errorf("openapi: webhook %s: %s", name, plain(err))
	}
	for _, unknown := range undescribed([]*openapi3.Schema{schema}, value, "") {
		t.Errorf("openapi: webhook %s: property %s is not described", name, unknown)
	}
}
