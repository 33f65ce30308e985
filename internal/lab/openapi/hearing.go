package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// hearing is the judgement of one request and its answer.
type hearing struct {
	t      T
	route  *routers.Route
	params map[string]string
	input  *openapi3filter.RequestValidationInput
}

func (h *hearing) fail(side, format string, args ...any) {
	h.t.Errorf("openapi: %s: %s: %s", h.route.Operation.OperationID, side, fmt.Sprintf(format, args...))
}

// transcript is an answer that is looked at before it is sent.
type transcript struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *transcript) Header() http.Header         { return w.header }
func (w *transcript) Write(p []byte) (int, error) { return w.body.Write(p) }
func (w *transcript) WriteHeader(status int)      { w.status = status }

func (w *transcript) copyTo(out http.ResponseWriter) {
	for name, values := range w.header {
		out.Header()[name] = values
	}
	out.WriteHeader(w.status)
	_, _ = out.Write(w.body.Bytes()) // the client may be gone
}

// options make kin's complaints short and complete.
func options() *openapi3filter.Options {
	o := &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true, SkipSettingDefaults: true,
		RejectWhenRequestBodyNotSpecified: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	o.WithCustomSchemaErrorFunc(brief)
	return o
}

// brief leaves out the schema and the value, which may be thousands of lines.
func brief(err *openapi3.SchemaError) string {
	return "/" + strings.Join(err.JSONPointer(), "/") + ": " + err.Reason
}

// request judges what came and gives the request on with its body whole.
func (h *hearing) request(r *http.Request) *http.Request {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		h.fail("request", "%v", err)
	}
	h.query(r)
	h.headers(r, body)
	judged := r.Clone(r.Context())
	judged.Body = io.NopCloser(bytes.NewReader(h.wrap(body)))
	if len(body) == 0 {
		judged.Body = http.NoBody
	}
	h.input = &openapi3filter.RequestValidationInput{Request: judged, PathParams: h.params, Route: h.route, Options: options()}
	if err := openapi3filter.ValidateRequest(r.Context(), h.input); err != nil {
		h.fail("request", "%s", plain(err))
	}
	if content := h.route.Operation.RequestBody; content != nil && len(body) > 0 {
		h.unknown("request", content.Value.Content, h.wrap(body))
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

// query complains of parameters that the description does not have, which kin lets pass and GitHub ignores.
func (h *hearing) query(r *http.Request) {
	known := map[string]bool{}
	for _, p := range slices.Concat(h.route.PathItem.Parameters, h.route.Operation.Parameters) {
		if p.Value.In == openapi3.ParameterInQuery {
			known[p.Value.Name] = true
		}
	}
	for name := range r.URL.Query() {
		if !known[name] {
			h.fail("request", "query parameter %q is not described", name)
		}
	}
}

// version is the API version that the description is of.
const version = "2022-11-28"

// headers checks what GitHub asks of every request.
func (h *hearing) headers(r *http.Request, body []byte) {
	if v := r.Header.Get("X-GitHub-Api-Version"); v != "" && v != version {
		h.fail("request", "X-GitHub-Api-Version is %s, the description is of %s", v, version)
	}
	if r.UserAgent() == "" {
		h.fail("request", "no User-Agent: GitHub answers 403")
	}
	if kind := r.Header.Get("Content-Type"); len(body) > 0 && !strings.HasPrefix(kind, "application/json") {
		h.fail("request", "Content-Type is %q", kind)
	}
}

// wrap turns a bare array of labels into the object that is described: the description says in prose alone that
// GitHub takes the array too, and go-github sends it.
func (h *hearing) wrap(body []byte) []byte {
	if h.route.Operation.OperationID == "issues/add-labels" && bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		return slices.Concat([]byte(`{"labels":`), body, []byte("}"))
	}
	return body
}

// response judges what goes.
func (h *hearing) response(r *http.Request, answer *transcript) {
	body := answer.body.Bytes()
	if answer.status == http.StatusNotModified || answer.status == http.StatusNoContent {
		if len(body) > 0 {
			h.fail("response", "%d with a body", answer.status)
		}
	}
	described := h.route.Operation.Responses.Status(answer.status)
	if described == nil {
		h.undocumented(r, answer)
		return
	}
	err := openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{RequestValidationInput: h.input,
		Status: answer.status, Header: answer.header, Body: io.NopCloser(bytes.NewReader(body)), Options: options()})
	if err != nil {
		h.fail("response", "%d: %s", answer.status, plain(err))
	}
	if len(body) > 0 && len(described.Value.Content) > 0 {
		h.unknown(fmt.Sprintf("response: %d", answer.status), described.Value.Content, body)
	}
}

// unknown complains of properties that no schema describes.
func (h *hearing) unknown(side string, content openapi3.Content, body []byte) {
	media := content.Get("application/json")
	var value any
	if media == nil || json.Unmarshal(body, &value) != nil {
		return // kin has complained
	}
	for _, name := range undescribed([]*openapi3.Schema{media.Schema.Value}, value, "") {
		h.fail(side, "property %s is not described", name)
	}
}

// plain is an error of kin in one line for each complaint.
func plain(err error) string {
	var many openapi3.MultiError
	if !errors.As(err, &many) {
		return err.Error()
	}
	var all []string
	for _, one := range many {
		all = append(all, plain(one))
	}
	return strings.Join(all, "; ")
}
