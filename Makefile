# Needs Go, and root for what runs switches. `make help` lists the targets.

GO       ?= go
FUZZTIME ?= 10s
PARITYTIME ?= 10m
SOAKTIME ?= 10m
ENDURETIME ?= 1h
SCALES   ?= 5000,50000
RUNS     ?= 3
PKGS     ?= ./...

.PHONY: failover help build deps test race fuzz parity parity-fuzz bench bench-responsive bench-warm bench-memory \
	bench-packets soak soak-packets hitless migration demo lint

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 18

build: ## static binaries in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/...

deps: ## install and unpack the OVS and OVN packages the tests need, if missing
	@$(GO) run ./integration/cmd/deps

test: build deps ## vet, unit tests, integration tests with real switches and packets
	$(GO) vet $(PKGS)
	$(GO) test -timeout 10m $(PKGS)

race: deps ## the same tests, and the agent they run, with the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 20m $(PKGS)

fuzz: ## every fuzz target for FUZZTIME (10s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$dir/*_test.go | sort -u | while read -r name; do \
			echo "== $$dir $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$dir || exit 1; \
		done || exit 1; \
	done

parity: build deps ## flows, groups and meters beside those of the C ovn-controller
	$(GO) run ./integration/parity

parity-fuzz: build deps ## the same for features composed at random, for PARITYTIME (10m)
	$(GO) run ./integration/parity -fuzz $(PARITYTIME)

bench: build deps ## costs beside the C ovn-controller; SCALES=5000,50000,150000 RUNS=3 WRITE=docs/performance.md
	$(GO) run ./integration/bench -scales $(SCALES) -runs $(RUNS) $(if $(WRITE),-write $(WRITE) -plot $(WRITE:.md=.svg))
	$(GO) run ./integration/bench/packets $(if $(WRITE),-write $(WRITE))

bench-responsive: build deps ## answers of both agents while they start and while everything changes
	$(GO) run ./integration/bench -section responsive -scales $(SCALES) $(if $(WRITE),-write $(WRITE))

bench-warm: build deps ## restarts of both agents beside a clustered southbound server
	$(GO) run ./integration/bench -section warm -scales $(SCALES) -runs $(RUNS)

bench-memory: build deps ## memory of both agents after most of the database is gone
	$(GO) run ./integration/bench -section shrink -scales $(SCALES) $(if $(WRITE),-write $(WRITE))

bench-packets: build deps ## packet-ins answered beside the C ovn-controller while both translate
	$(GO) run ./integration/bench/packets $(if $(WRITE),-write $(WRITE))

soak: build deps ## random changes, with something failing every few seconds, for ENDURETIME (1h)
	$(GO) run ./integration/endure -duration $(ENDURETIME)

soak-packets: build deps ## hostile packets at the rate the switch delivers most of, for SOAKTIME (10m)
	$(GO) run ./integration/soak -duration $(SOAKTIME)

hitless: build deps ## pings lost while agent, databases and switch are troubled, beside the C agent's
	$(GO) run ./integration/hitless

migration: build deps ## packets lost when a guest moves, beside the C ovn-controller
	$(GO) run ./integration/migration

failover: build deps ## time without traffic when a gateway fails and returns, beside the C ovn-controller
	$(GO) run ./integration/failover

demo: build deps ## two chassis, a router, an ACL, a load balancer: packets, told in words
	@$(GO) run ./integration/demo

lint: ## gofmt, vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt -w the files above"; exit 1; }
	$(GO) vet $(PKGS)
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 $(PKGS)
