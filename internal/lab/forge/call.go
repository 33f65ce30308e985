package forge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// call is one API request on its way: who asks, of which repository.
type call struct {
	*Server
	r    *http.Request
	at   site
	who  *identity
	repo *repository
}

// answer is what an operation says when it succeeds.
type answer struct {
	status int
	body   any
	header http.Header
}

// operation answers a call, or says with a *problem why it does not.
type operation func(c *call) (answer, error)

func ok(body any) (answer, error) { return answer{status: http.StatusOK, body: body}, nil }

// created answers 201 and says where the new thing is.
func created(body any, location string) (answer, error) {
	return answer{status: http.StatusCreated, body: body, header: http.Header{"Location": {location}}}, nil
}

// bodyLimit is what GitHub takes for a blob, in base64.
const bodyLimit = 100 << 20

// decode reads the request's JSON. An empty body leaves v as it is.
func (c *call) decode(v any) error {
	data, err := io.ReadAll(http.MaxBytesReader(nil, c.r.Body, bodyLimit))
	if err != nil {
		return &problem{Status: http.StatusRequestEntityTooLarge, Message: "Sorry, your request is too large."}
	}
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return &problem{Status: http.StatusBadRequest, Message: "Problems parsing JSON"}
	}
	return nil
}

// number reads a number from the path; what is none is not found.
func (c *call) number(name string) (int, error) {
	n, err := strconv.Atoi(c.r.PathValue(name))
	if err != nil {
		return 0, notFound()
	}
	return n, nil
}

// page cuts one page of a list and links the others, as the Link header of RFC 8288.
func page[T any](c *call, all []T) (answer, error) {
	cut, header := cutPage(c, all)
	return answer{status: http.StatusOK, body: cut, header: header}, nil
}

// cutPage obeys per_page (30 unless given, 100 at most) and page.
func cutPage[T any](c *call, all []T) ([]T, http.Header) {
	query := c.r.URL.Query()
	size, number := 30, 1
	if n, err := strconv.Atoi(query.Get("per_page")); err == nil && n > 0 {
		size = min(n, 100)
	}
	if n, err := strconv.Atoi(query.Get("page")); err == nil && n > 0 {
		number = n
	}
	last := max(1, (len(all)+size-1)/size)
	var links []string
	link := func(to int, rel string) {
		query.Set("page", strconv.Itoa(to))
		links = append(links, fmt.Sprintf(`<%s%s?%s>; rel="%s"`, c.at.html, c.r.URL.EscapedPath(), query.Encode(), rel))
	}
	if number > 1 {
		link(min(number-1, last), "prev")
	}
	if number < last {
		link(number+1, "next")
		link(last, "last")
	}
	if number > 1 {
		link(1, "first")
	}
	header := http.Header{}
	if len(links) > 0 {
		header.Set("Link", strings.Join(links, ", "))
	}
	from := min((number-1)*size, len(all))
	return append([]T{}, all[from:min(from+size, len(all))]...), header
}

// problem is an error as GitHub words it.
type problem struct {
	Status  int
	Message string
	Details []detail
}

// detail is one entry of a validation error.
type detail struct {
	Resource string `json:"resource"`
	Field    string `json:"field,omitempty"`
	Code     string `json:"code"`
	Message  string `json:"message,omitempty"`
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s", p.Status, p.Message) }

func notFound() error { return &problem{Status: http.StatusNotFound, Message: "Not Found"} }

// unprocessable is a 422 that is said in one sentence.
func unprocessable(format string, args ...any) error {
	return &problem{Status: http.StatusUnprocessableEntity, Message: fmt.Sprintf(format, args...)}
}

// invalid is a 422 that names the field.
func invalid(resource, field, code string) error {
	return &problem{http.StatusUnprocessableEntity, "Validation Failed", []detail{{Resource: resource, Field: field, Code: code}}}
}

// custom is a 422 whose detail is a sentence.
func custom(resource, format string, args ...any) error {
	return &problem{http.StatusUnprocessableEntity, "Validation Failed",
		[]detail{{Resource: resource, Code: "custom", Message: fmt.Sprintf(format, args...)}}}
}

// writeAnswer writes the result of an operation as JSON.
func writeAnswer(w http.ResponseWriter, a answer, err error) {
	var p *problem
	switch {
	case errors.As(err, &p):
		writeProblem(w, p)
	case err != nil:
		writeProblem(w, &problem{Status: http.StatusInternalServerError, Message: err.Error()})
	default:
		for name, values := range a.header {
			w.Header()[name] = values
		}
		writeJSON(w, a.status, a.body)
	}
}

func writeProblem(w http.ResponseWriter, p *problem) {
	body := struct {
		Message       string   `json:"message"`
		Errors        []detail `json:"errors,omitempty"`
		Documentation string   `json:"documentation_url"`
	}{p.Message, p.Details, "https://docs.github.com/rest"}
	writeJSON(w, p.Status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // into memory; our own types always encode
}
