package forge

import "strings"

type refJSON struct {
	Ref    string     `json:"ref"`
	NodeID string     `json:"node_id"`
	URL    string     `json:"url"`
	Object objectJSON `json:"object"`
}

type objectJSON struct {
	SHA  string `json:"sha"`
	Type string `json:"type"`
	URL  string `json:"url"`
}

func (c *call) refJSON(r ref) refJSON {
	return refJSON{r.name, nodeID("Ref", r.name), c.api() + "/git/" + r.name,
		objectJSON{r.sha, r.kind, c.api() + "/git/" + r.kind + "s/" + r.sha}}
}

// api is the URL of the call's repository in the API.
func (c *call) api() string { return c.at.repository(c.repo) }

func getRef(c *call) (answer, error) {
	r, found, err := c.repo.git.ref("refs/" + c.r.PathValue("ref"))
	if err != nil || !found {
		return answer{}, orNotFound(err)
	}
	return ok(c.refJSON(r))
}

// listMatchingRefs gives all of them at once: the operation has no pages.
func listMatchingRefs(c *call) (answer, error) {
	refs, err := c.repo.git.refs("refs/" + c.r.PathValue("ref"))
	if err != nil {
		return answer{}, err
	}
	all := make([]refJSON, len(refs))
	for i, r := range refs {
		all[i] = c.refJSON(r)
	}
	return ok(all)
}

func createRef(c *call) (answer, error) {
	var in struct{ Ref, SHA string }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if !validRef(in.Ref) {
		return answer{}, unprocessable("Reference name must start with 'refs/' and contain at least two slashes.")
	}
	err := c.mayPoint(in.Ref, in.SHA)
	if err == nil {
		err = c.set(in.Ref, in.SHA, zeroSHA)
	}
	if err == nil {
		return c.tell(in.Ref, in.SHA, zeroSHA)
	}
	if _, exists, lost := c.repo.git.ref(in.Ref); lost != nil || exists { // asked after git refused: mostly it does not
		return answer{}, orUnprocessable(lost, "Reference already exists")
	}
	return answer{}, err
}

func updateRef(c *call) (answer, error) {
	var in struct {
		SHA   string
		Force bool
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	name := "refs/" + c.r.PathValue("ref")
	old, exists, err := c.repo.git.ref(name)
	if err != nil {
		return answer{}, err
	}
	if !exists {
		return answer{}, unprocessable("Reference does not exist")
	}
	if err := c.protectedFromPush(name); err != nil {
		return answer{}, err
	}
	if err := c.mayPoint(name, in.SHA); err != nil {
		return answer{}, err
	}
	forward, err := c.repo.git.isAncestor(old.sha, in.SHA)
	if err != nil {
		return answer{}, err
	}
	if !forward && !in.Force {
		return answer{}, unprocessable("Update is not a fast forward")
	}
	if err := c.set(name, in.SHA, old.sha); err != nil {
		return answer{}, err
	}
	a, err := c.tell(name, in.SHA, old.sha)
	a.status = 200
	return a, err
}

// mayPoint checks that an object exists, and that a branch gets a commit.
func (c *call) mayPoint(name, sha string) error {
	if !validSHA(sha) {
		return unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	}
	all, err := c.repo.git.objects(sha)
	if err != nil {
		return err
	}
	o, found := all[sha]
	if !found {
		return unprocessable("Object does not exist")
	}
	if strings.HasPrefix(name, "refs/heads/") && o.kind != "commit" {
		return unprocessable("Reference update failed")
	}
	return nil
}

// set moves or creates a ref.
func (c *call) set(name, sha, old string) error {
	err := c.repo.git.update(name, sha, old)
	if exitCode(err) > 0 { // a ref a/b beside a ref a
		return unprocessable("Reference update failed")
	}
	return err
}

// tell lets everybody know that a ref moved, and answers with it.
func (c *call) tell(name, sha, old string) (answer, error) {
	if err := c.moved(c.repo, c.who.account, []Update{{name, old, sha}}); err != nil {
		return answer{}, err
	}
	r, _, err := c.repo.git.ref(name)
	if err != nil {
		return answer{}, err
	}
	return created(c.refJSON(r), c.api()+"/git/"+name)
}

func deleteRef(c *call) (answer, error) {
	name := "refs/" + c.r.PathValue("ref")
	old, exists, err := c.repo.git.ref(name)
	if err != nil {
		return answer{}, err
	}
	if !exists {
		return answer{}, unprocessable("Reference does not exist")
	}
	if _, protected := c.repo.Protection[strings.TrimPrefix(name, "refs/heads/")]; protected || name == "refs/heads/"+c.repo.DefaultBranch {
		return answer{}, unprocessable("Cannot delete this branch")
	}
	if err := c.repo.git.update(name, zeroSHA, old.sha); err != nil {
		return answer{}, err
	}
	return answer{status: 204}, c.moved(c.repo, c.who.account, []Update{{name, old.sha, zeroSHA}})
}

// orNotFound keeps an error and makes its absence a 404.
func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return notFound()
}
