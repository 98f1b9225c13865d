# One-line targets. .ci/run does more than check and test on a bare machine; fuzz,
# bench, kills, worlds, cluster, systemd and bits (32-bit machines) are long.
.PHONY: check test bits fuzz bench bench-fleet bench-alone kills worlds cluster build package systemd

check:   ; test -z "$$(gofmt -l .)" && go vet ./... && golangci-lint run && go test ./internal/house
test:    ; go test -race ./...
fuzz:    ; .ci/fuzz $(or $(TIME),5m)
reference: ; go test ./cmd/vigente -run 'TestReference|TestPresetPages' -update
bench:   ; go test -run '^$$' -bench . -benchmem ./...
bench-fleet: build; go run ./internal/bench $(if $(PAGE),-o $(PAGE)) ./vigente $(or $(SIZES),100 1000 10000 100000)
bench-alone: ; .ci/before-cluster $(SIZES)
kills:   ; VIGENTE_KILLS=$(or $(N),1000) go test -count=1 -timeout 0 -v -run 'TestKilled|TestCrashLoop' ./e2e/kill
cluster: ; VIGENTE_CLUSTER=1 go test -count=1 -timeout 0 -v ./e2e/cluster && VIGENTE_CLUSTER_SEEDS=$(or $(SEEDS),1000000) go test -count=1 -timeout 0 -run TestRandomSchedules ./daemon/cluster
worlds:  ; VIGENTE_WORLDS=$(or $(SEEDS),1000000) go test -count=1 -timeout 0 -v -run 'TestWorlds$$' ./daemon/engine
bits: ; CGO_ENABLED=0 GOARCH=386 go test ./credential ./daemon/... ./internal/... && CGO_ENABLED=0 GOARCH=arm go vet ./daemon/... ./internal/... ./credential
build:   ; CGO_ENABLED=0 go build -trimpath -o vigente ./cmd/vigente
package: ; systemd/package $(or $(VERSION),0.0.0)
systemd: ; systemd/test/all.sh
