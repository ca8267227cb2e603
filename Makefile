# make help says what there is.
.DEFAULT_GOAL := help
.PHONY: help build run test conformance bench bench-peers fuzz lint clean

FUZZTIME ?= 60s
export PATH := $(PATH):/usr/sbin:/sbin

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./mcp-oauth-server
	CGO_ENABLED=0 go build -trimpath -o mcp-oauth-server .

run: build ## start it on http://localhost:8080 with the development identity provider (alice and bob)
	@echo
	@echo "  Open http://localhost:8080/ – it says how a client connects."
	@echo "  Sign in as alice or bob; the password is the name. Ctrl-C stops the server."
	@echo
	@./mcp-oauth-server --dev

test: ## install what the tests need, then run all of them with the race detector; skips nothing
	@bench/setup
	@echo "== gofmt"
	@unformatted=$$(find . -name '*.go' -not -path '*/node_modules/*' -exec gofmt -l {} +); \
	if [ -n "$$unformatted" ]; then echo "not formatted:" $$unformatted; exit 1; fi
	@echo "== go vet"
	@go vet ./...
	@echo "== go test"
	@E2E=required go test -race -timeout 9m ./...
	@go test -tags portable ./sse # as on systems that do not say which peers have left

conformance: ## run the official conformance suite against the product with its fixtures, alone and as two replicas
	@bench/setup
	E2E=required go test -count=1 -run '^TestConformance' -v ./bench/e2e

bench: ## run the benchmarks of the token path
	go test -run '^$$' -bench . -benchmem ./bench

bench-peers: ## measure the server beside others that do the same work (11 minutes, two idle cores); ARGS=-help for more
	@bench/peers/setup
	@cd bench/peers && bin=$$(mktemp -d) && trap 'rm -rf "$$bin"' EXIT && go build -o "$$bin/peers" . && "$$bin/peers" $(ARGS)

fuzz: ## run every fuzz target for FUZZTIME (default 60s)
	@grep -rn --include='*_test.go' --exclude-dir=node_modules -o '^func Fuzz[A-Za-z0-9_]*' . | \
	sed -E 's|^(.*)/[^/]*:[0-9]+:func (Fuzz.*)$$|\1 \2|' | sort | \
	while read -r dir target; do \
		echo "== $$dir $$target"; \
		go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$dir" || exit 1; \
	done

lint: ## run golangci-lint, if it is installed
	@if command -v golangci-lint >/dev/null; then golangci-lint run ./...; else \
	echo "golangci-lint is not installed: go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"; exit 2; fi

clean: ## remove what building and testing left behind
	rm -rf mcp-oauth-server conformance-server bench/e2e/node/node_modules bench/e2e/node22/node_modules
	go clean -testcache
