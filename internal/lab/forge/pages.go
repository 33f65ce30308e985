package forge

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

//go:embed templates
var templates embed.FS

// pageRoutes are for people. They need no token, load nothing from elsewhere and run no script.
func (s *Server) pageRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, view := range map[string]struct {
		file string
		data func(*http.Request) (any, error)
	}{
		"GET /{$}":                          {"index.html", s.indexPage},
		"GET /{owner}/{repo}":               {"pulls.html", s.pullsPage},
		"GET /{owner}/{repo}/pulls":         {"pulls.html", s.pullsPage},
		"GET /{owner}/{repo}/pull/{number}": {"pull.html", s.pullPage},
	} {
		page := template.Must(template.ParseFS(templates, "templates/layout.html", "templates/"+view.file)) // our own files
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.show(w, r, page, view.data) })
	}
	return mux
}

// show writes a page that is whole, or an error.
func (s *Server) show(w http.ResponseWriter, r *http.Request, page *template.Template, data func(*http.Request) (any, error)) {
	s.mu.Lock()
	value, err := data(r)
	s.mu.Unlock()
	var p *problem
	if errors.As(err, &p) {
		http.Error(w, p.Message, p.Status)
		return
	}
	var out bytes.Buffer
	if err == nil {
		err = page.ExecuteTemplate(&out, "layout", value)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = out.WriteTo(w)
}

// repositoryRow is a repository on the first page.
type repositoryRow struct {
	Name, Description string
	Open, Ended       int
}

func (s *Server) indexPage(*http.Request) (any, error) {
	rows := []repositoryRow{}
	for _, name := range slices.Sorted(maps.Keys(s.repos)) {
		row := repositoryRow{Name: name, Description: s.repos[name].Description}
		for _, p := range s.repos[name].Pulls {
			if p.State == "open" {
				row.Open++
			} else {
				row.Ended++
			}
		}
		rows = append(rows, row)
	}
	return struct {
		Title string
		Rows  []repositoryRow
	}{"Repositories", rows}, nil
}

// pullRow is a pull request in a list and at the head of its page.
type pullRow struct {
	Number               int
	Title, State         string // open, merged, closed, draft
	Author, Head, Base   string
	Created, Ended, Link string
	Labels               []string
}

func rowOf(repo *repository, p *pull) pullRow {
	row := pullRow{Number: p.Number, Title: p.Title, State: p.State, Author: p.Author, Head: p.Head, Base: p.Base,
		Created: p.Created.Format("2006-01-02 15:04"), Labels: p.Labels,
		Link: fmt.Sprintf("/%s/pull/%d", repo.FullName, p.Number)}
	if p.Closed != nil {
		row.Ended = p.Closed.Format("2006-01-02 15:04")
	}
	switch {
	case p.Merged != nil:
		row.State = "merged"
	case p.Draft && p.State == "open":
		row.State = "draft"
	}
	return row
}

// pageRepository finds the repository of a page.
func (s *Server) pageRepository(r *http.Request) (*repository, error) {
	repo := s.repos[r.PathValue("owner")+"/"+r.PathValue("repo")]
	if repo == nil {
		return nil, notFound()
	}
	return repo, nil
}

func (s *Server) pullsPage(r *http.Request) (any, error) {
	repo, err := s.pageRepository(r)
	if err != nil {
		return nil, err
	}
	var open, ended []pullRow
	for _, p := range slices.Backward(repo.Pulls) {
		if p.State == "open" {
			open = append(open, rowOf(repo, p))
		} else {
			ended = append(ended, rowOf(repo, p))
		}
	}
	return struct {
		Title, Repo, Clone string
		Open, Ended        []pullRow
	}{"Pull requests of " + repo.FullName, repo.FullName, s.site().git + "/" + repo.FullName + ".git", open, ended}, nil
}

// checkRow is a status or check run of the head.
type checkRow struct{ Name, State, Text string }

type commentRow struct {
	Author, Created string
	Body            []block
}

type commitRow struct{ SHA, Short, Title, Author, Created string }

type pullPageData struct {
	Title, Repo        string
	Pull               pullRow
	Body               []block
	Mergeable          string
	Checks             []checkRow
	Comments           []commentRow
	Commits            []commitRow
	Files              []fileView
	Additions, Removed int
}

func (s *Server) pullPage(r *http.Request) (any, error) {
	repo, err := s.pageRepository(r)
	if err != nil {
		return nil, err
	}
	number, _ := strconv.Atoi(r.PathValue("number"))
	p := repo.pull(number)
	if p == nil {
		return nil, notFound()
	}
	found, err := repo.pullSpan(p)
	if err != nil {
		return nil, err
	}
	m, err := s.mergeability(repo, p)
	if err != nil {
		return nil, err
	}
	data := &pullPageData{Title: p.Title, Repo: repo.FullName, Pull: rowOf(repo, p), Body: markdown(p.Body), Checks: repo.checkRows(p.HeadSHA),
		Mergeable: verdicts(m), Files: filesView(found.changes)}
	for _, c := range p.Comments {
		data.Comments = append(data.Comments, commentRow{c.Author, c.Created.Format("2006-01-02 15:04"), markdown(c.Body)})
	}
	sums := stats(found.changes)
	data.Additions, data.Removed = sums.Additions, sums.Deletions
	data.Commits, err = repo.commitRows(found.ahead)
	return data, err
}

// verdicts tells mergeability in a sentence; nothing for what has ended.
func verdicts(m mergeability) string {
	return map[string]string{
		"clean":    "Can be merged.",
		"unstable": "Can be merged, though a check is not green.",
		"blocked":  "Waits for the check " + m.blocked + ".",
		"behind":   "Must take the base branch's new commits first.",
		"dirty":    "Conflicts with the base branch.",
		"draft":    "A draft.",
	}[m.state]
}

func (r *record) checkRows(sha string) []checkRow {
	var rows []checkRow
	for _, s := range r.latest(sha) {
		rows = append(rows, checkRow{s.Context, s.State, s.Description})
	}
	for _, run := range r.latestChecks(sha) {
		rows = append(rows, checkRow{Name: run.Name, State: run.verdict()})
	}
	slices.SortFunc(rows, func(a, b checkRow) int { return cmp.Compare(a.Name, b.Name) })
	return rows
}

func (r *repository) commitRows(shas []string) ([]commitRow, error) {
	objects, err := r.git.objects(shas...)
	if err != nil {
		return nil, err
	}
	var rows []commitRow
	for _, sha := range shas {
		c := parseCommit(objects[sha])
		title, _, _ := strings.Cut(c.message, "\n")
		rows = append(rows, commitRow{sha, sha[:10], title, c.author.Name, c.author.Date})
	}
	return rows, nil
}
