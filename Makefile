# Six one-line targets. .ci/run does all of this and more on a bare machine.
.PHONY: check test fuzz bench build package

check:   ; test -z "$$(gofmt -l .)" && go vet ./... && golangci-lint run && go test .
test:    ; go test -race ./...
fuzz:    ; .ci/fuzz $(or $(TIME),5m)
bench:   ; go test -run '^$$' -bench . -benchmem ./...
build:   ; CGO_ENABLED=0 go build -trimpath -o vigente ./cmd/vigente
package: ; systemd/package $(or $(VERSION),0.0.0)
