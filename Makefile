# Everything is a Go command; this file only names them.

.PHONY: test rigs staticcheck race fuzz crash trials bench demo image image-check

test: ## what the README says
	go test ./...

rigs: ## the judges that are not ours, built into a cache outside the tree
	go run ./internal/lab/rigs/build

staticcheck:
	"$$(go run ./internal/lab/rigs/build -path staticcheck)" ./...

race:
	go test -race -timeout 30m ./pipeline/... ./internal/web/ ./internal/journal/

FUZZTIME ?= 10m
fuzz: ## FUZZTIME of every fuzz target; what they find lies in testdata/fuzz
	go run ./internal/lab/fuzz -time $(FUZZTIME)

crash: ## the daemon dies at every request of a release and of a promotion; go test ./... takes a sample
	go test ./internal/lab/crash -every -v -timeout 4h

trials: ## every row of docs/trials.md, and how its tests went
	go run ./internal/lab/trials

bench: ## beside the glue that it replaces; writes bench/README.md
	go run ./internal/lab/rigs/build helm cosign yq
	go run ./bench

demo:
	go run ./cmd/releaser demo

image:
	docker build .

image-check: ## the image of HEAD, built by buildah and judged; needs root
	go run ./internal/lab/image/check
