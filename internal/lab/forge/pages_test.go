package forge_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// page fetches a page as a browser does, without a token.
func (w *world) page(path string, status int) string {
	w.t.Helper()
	resp, err := http.Get(w.url + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		w.t.Fatalf("%s: status %d, want %d, %v: %s", path, resp.StatusCode, status, err, body)
	}
	if policy := resp.Header.Get("Content-Security-Policy"); status == 200 && !strings.HasPrefix(policy, "default-src 'none'") {
		w.t.Errorf("%s: policy %q", path, policy)
	}
	return string(body)
}

func TestPageOfAPullRequestShowsWhatItProposes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sha := w.propose("releaser/dev/voice", "dev/voice/values.yaml", "image:\n  tag: \"b\"\n")
	body := "# Promote\n\nFrom **a** to `b`, see [the run](https://example.com/run).\n\n- [x] signed\n- [ ] soaked\n\n| key | value |\n|---|---|\n| tag | b |\n\n" +
		"```sh\ncosign verify <x>\n```\n<!-- releaser 0123 -->\n"
	w.ask("PATCH", "pulls/1", fields{"body": body}).want(200)
	w.ask("POST", "issues/1/labels", []string{"promotion"}).want(200)
	w.ask("POST", "issues/1/comments", fields{"body": "a **remark**"}).want(201)
	if err := w.SetStatus(repo, sha, "releaser/promotion", "pending", "1 of 2 gates"); err != nil {
		t.Fatal(err)
	}
	got := w.page("/acme/env/pull/1", 200)
	for _, want := range []string{
		"<h1>Promote releaser/dev/voice <small>#1</small></h1>",
		`<span class="state open">open</span>`,
		"<code>releaser/dev/voice</code> → <code>main</code>",
		"<p>From <strong>a</strong> to <code>b</code>, see <a href=\"https://example.com/run\" rel=\"nofollow noreferrer\">the run</a>.</p>",
		`<li><input type="checkbox" disabled checked> signed</li><li><input type="checkbox" disabled> soaked</li>`,
		"<th>key</th><th>value</th></tr><tr><td>tag</td><td>b</td>",
		"<pre>cosign verify &lt;x&gt;</pre>",
		`<span class="label">promotion</span>`, "a <strong>remark</strong>", "1 of 2 gates",
		`<td class="sign">−</td><td>  tag: &#34;a&#34;</td>`,
		`<tr class="add"><td class="no"></td><td class="no">2</td><td class="sign">+</td><td>  tag: &#34;b&#34;</td></tr>`,
		"Can be merged, though a check is not green.", "set dev/voice/values.yaml", sha[:10],
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page misses %q", want)
		}
	}
	if strings.Contains(got, "releaser 0123") {
		t.Error("the page shows a comment of the body")
	}
	if list := w.page("/acme/env/pulls", 200); !strings.Contains(list, `href="/acme/env/pull/1"`) || !strings.Contains(list, "Promote releaser/dev/voice") {
		t.Errorf("the list is %s", list)
	}
	if index := w.page("/", 200); !strings.Contains(index, `href="/acme/env/pulls"`) || !strings.Contains(index, "1 open, 0 ended") {
		t.Errorf("the index is %s", index)
	}
	w.ask("PUT", "pulls/1/merge", nil).want(200)
	if got := w.page("/acme/env/pull/1", 200); !strings.Contains(got, `<span class="state merged">merged</span>`) {
		t.Error("the page does not tell the merge")
	}
	w.page("/acme/env/pull/2", 404)
	w.page("/acme/none/pulls", 404)
	w.page("/acme/env/wiki", 404)
}

func TestNothingInAPullRequestBecomesMarkup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	evil := `<script>alert(1)</script><img src=x onerror=alert(1)>`
	w.branch("x", "a", evil+"\n")
	w.ask("POST", "pulls", fields{"title": evil, "head": "x", "base": "main", "body": evil + "\n\n# " + evil + "\n\n- " + evil + "\n\n```\n" + evil + "\n```\n\n" +
		"|" + evil + "|\n|---|\n|" + evil + "|\n\n[x](javascript:alert(1)) [y](https://e/\"onmouseover=alert(1)) `" + evil + "`"}).want(201)
	w.ask("POST", "issues/1/comments", fields{"body": evil}).want(201)
	w.ask("POST", "issues/1/labels", []string{evil}).want(200)
	if err := w.SetStatus(repo, w.run("rev-parse", "x"), evil, "pending", evil); err != nil {
		t.Fatal(err)
	}
	active := regexp.MustCompile(`<(script|img|iframe|object|link|form)|<[^>]+ on\w+=|href="javascript:|(src|url)\s*[=(]\s*["']?https?:`)
	for _, path := range []string{"/acme/env/pull/1", "/acme/env/pulls", "/"} {
		if found := active.FindString(w.page(path, 200)); found != "" {
			t.Errorf("%s holds %q", path, found)
		}
	}
}
