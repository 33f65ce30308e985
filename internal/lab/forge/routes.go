package forge

import (
	"net/http"
	"strings"
)

// operations is the table of contents of the API.
func (s *Server) operations() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { writeAnswer(w, answer{}, notFound()) })
	for pattern, op := range map[string]operation{
		"GET /user":                              getUser,
		"GET /rate_limit":                        getRateLimit,
		"GET /app":                               getApp,
		"GET /repos/{owner}/{repo}/installation": getInstallation,
		"POST /app/installations/{installation}/access_tokens": createInstallationToken,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+Prefix+path, s.handle(op))
	}
	for pattern, op := range repositoryOperations() {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+Prefix+"/repos/{owner}/{repo}"+path, s.handle(inRepository(op)))
	}
	return mux
}

// repositoryOperations are those below /repos/{owner}/{repo}.
func repositoryOperations() map[string]operation {
	return map[string]operation{
		"GET ":                              getRepository,
		"GET /branches/{branch...}":         getBranch,
		"GET /git/ref/{ref...}":             getRef,
		"GET /git/matching-refs/{ref...}":   listMatchingRefs,
		"POST /git/refs":                    createRef,
		"PATCH /git/refs/{ref...}":          updateRef,
		"DELETE /git/refs/{ref...}":         deleteRef,
		"POST /git/commits":                 createCommit,
		"GET /git/commits/{sha}":            getGitCommit,
		"POST /git/trees":                   createTree,
		"GET /git/trees/{sha...}":           getTree,
		"POST /git/blobs":                   createBlob,
		"GET /git/blobs/{sha}":              getBlob,
		"GET /contents/{path...}":           getContents,
		"GET /compare/{basehead...}":        compare,
		"GET /commits/{rest...}":            ofCommit,
		"POST /statuses/{sha}":              createStatus,
		"GET /pulls":                        listPulls,
		"POST /pulls":                       createPull,
		"GET /pulls/{number}":               getPull,
		"PATCH /pulls/{number}":             updatePull,
		"GET /pulls/{number}/merge":         isMerged,
		"PUT /pulls/{number}/merge":         mergePull,
		"GET /pulls/{number}/commits":       listPullCommits,
		"GET /pulls/{number}/files":         listPullFiles,
		"PUT /pulls/{number}/update-branch": updateBranch,
		"GET /issues/{number}/comments":     listComments,
		"POST /issues/{number}/comments":    createComment,
		"POST /issues/{number}/labels":      addLabels,
	}
}

// handle runs an operation and saves the state after a change.
func (s *Server) handle(op operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{Server: s, r: r, at: s.site(), who: identityOf(r.Context())}
		a, err := op(c)
		if r.Method != http.MethodGet && err == nil {
			err = s.save()
		}
		writeAnswer(w, a, err)
	}
}

// inRepository finds the repository of a call and checks that the caller may do this there.
func inRepository(op operation) operation {
	return func(c *call) (answer, error) {
		repo := c.repos[c.r.PathValue("owner")+"/"+c.r.PathValue("repo")]
		if repo == nil || !c.who.reads(repo) {
			return answer{}, notFound()
		}
		if c.r.Method != http.MethodGet && !c.who.writes() {
			return answer{}, &problem{Status: http.StatusForbidden, Message: "Resource not accessible by personal access token"}
		}
		c.repo = repo
		return op(c)
	}
}

// ofCommit sorts out the paths below /commits/, whose ref may hold slashes.
func ofCommit(c *call) (answer, error) {
	rest := c.r.PathValue("rest")
	for suffix, op := range map[string]func(*call, string) (answer, error){
		"/status": combinedStatus, "/statuses": listStatuses, "/check-runs": listCheckRuns,
	} {
		if rev, found := strings.CutSuffix(rest, suffix); found {
			return op(c, rev)
		}
	}
	return getCommit(c, rest)
}
