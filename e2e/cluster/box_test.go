package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/providers/oauth2/emulator"
)

// box is three hosts, each with an etcd member and a daemon, and the backend.
type box struct {
	t      *testing.T
	net    *network
	ca     *authority
	judge  *judge
	hosts  [hosts]*host
	base   string           // the URL of the backend
	client *clientv3.Client // the test's own, connected to all members
}

type host struct {
	*e2etest.World
	box     *box
	place   int
	name    string
	member  *exec.Cmd
	ended   chan struct{} // when the etcd member has exited
	environ []string
}

// clusterKey encrypts what the machines share.
var clusterKey = [32]byte([]byte("0123456789abcdef0123456789abcdef"))

const configuration = `
[renewal]
min_interval = "600ms"
timeout = "5s"
[cluster]
endpoints = [ENDPOINTS]
prefix = "PREFIX"
tls = { ca_file = "{dir}/../ca.pem", certificate = { file = "{dir}/node.pem" } }
key = { file = "{dir}/key" }
node = "NODE"
[providers.login]
type = "oauth2"
token_url = "BASE/token"
client_id = "loja-1"
client_secret = { file = "{dir}/secret" }
tls = { ca_file = "{dir}/../ca.pem" }
[credentials.sales]
provider = "login"
grant = "refresh_token"
[credentials.plain]
provider = "login"
grant = "client_credentials"
renew_before = "RENEW"
[sinks.sales]
type = "file"
path = "{dir}/sales.out"
content = "${sales.access_token}"
[sinks.plain]
type = "file"
path = "{dir}/plain.out"
content = "${plain.access_token}"
`

func newBox(t *testing.T, settings emulator.Settings, quota int) *box {
	b := &box{t: t, net: newNetwork(t), judge: newJudge(settings)}
	dir := t.TempDir()
	b.ca = newAuthority(t, dir+"/ca.pem")
	server := httptest.NewUnstartedServer(b.judge)
	listener, err := listen(b.net.address(hosts))
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Listener.Close()
	server.Listener = listener
	server.TLS = &tls.Config{Certificates: []tls.Certificate{b.ca.issue(dir+"/backend.pem", time.Now().Add(time.Hour), b.net.address(hosts))}}
	server.StartTLS()
	t.Cleanup(server.Close)
	b.base = server.URL
	for i := range b.hosts {
		h := &host{World: &e2etest.World{T: t, Dir: fmt.Sprintf("%s/%c", dir, 'a'+i), Listen: "127.0.0.1:9100"}, box: b, place: i, name: string(rune('a' + i))}
		b.hosts[i] = h
		h.Write("secret", clientSecret)
		h.Write("key", hex.EncodeToString(clusterKey[:]))
		b.ca.issue(h.Path("node.pem"), time.Now().Add(time.Hour), b.net.address(i), "127.0.0.1")
		h.configure("20m")
		h.startMember(quota)
	}
	t.Cleanup(b.end)
	b.connect(dir)
	return b
}

// connect connects the test to etcd.
func (b *box) connect(dir string) {
	b.t.Helper()
	own := b.ca.issue(dir+"/own.pem", time.Now().Add(time.Hour))
	pool := x509.NewCertPool()
	pool.AddCert(b.ca.Leaf)
	var endpoints []string
	for i := range hosts {
		endpoints = append(endpoints, fmt.Sprintf("https://%s:2379", b.net.address(i)))
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: endpoints, TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}}, Logger: zap.NewNop(), DialTimeout: 2 * time.Second,
		DialKeepAliveTime: time.Second, DialKeepAliveTimeout: time.Second,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.client = client
	b.t.Cleanup(func() { _ = client.Close() })
	b.eventually("etcd answers", func() bool { return b.reached() })
}

// reached reports whether etcd answers linearizable reads.
func (b *box) reached() bool {
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Second)
	defer cancel()
	_, err := b.client.Get(ctx, "/none")
	return err == nil
}

func (b *box) end() {
	for _, h := range b.hosts {
		if h == nil {
			continue
		}
		if h.Daemon != nil {
			_ = h.Daemon.Cmd.Process.Signal(syscall.SIGCONT)
			h.Kill()
			if b.t.Failed() {
				b.t.Logf("log of %s:\n%s", h.name, tail(h.Daemon.Log.String(), 60))
			}
		}
		h.killMember()
	}
}

func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func (h *host) configure(renew string) {
	var endpoints []string
	for i := range hosts {
		endpoints = append(endpoints, fmt.Sprintf("%q", "https://"+h.box.net.address(i)+":2379"))
	}
	text := strings.NewReplacer("ENDPOINTS", strings.Join(endpoints, ", "), "PREFIX", prefix, "NODE", h.name, "RENEW", renew).Replace(configuration)
	h.Configure(h.filled(text))
}

// filled returns a part of the configuration for this host.
func (h *host) filled(text string) string {
	return strings.NewReplacer("BASE", h.box.base, "{dir}", h.Dir).Replace(text)
}

// startMember starts the etcd member with the data in its folder.
func (h *host) startMember(quota int) {
	h.T.Helper()
	n := h.box.net
	own := n.address(h.place)
	var peers []string
	for i := range hosts {
		peers = append(peers, fmt.Sprintf("%c=http://%s:2380", 'a'+i, n.address(i)))
	}
	args := []string{
		"--name", h.name, "--data-dir", h.Path("etcd"), "--listen-client-urls", "https://" + own + ":2379", "--advertise-client-urls", "https://" + own + ":2379",
		"--listen-peer-urls", "http://" + own + ":2380", "--initial-advertise-peer-urls", "http://" + own + ":2380",
		"--initial-cluster", strings.Join(peers, ","), "--client-cert-auth", "--trusted-ca-file", h.Path("../ca.pem"),
		"--cert-file", h.Path("node.pem.etcd"), "--key-file", h.Path("node.pem.etcd"), "--log-level", "error", "--quota-backend-bytes", fmt.Sprint(quota),
	}
	if _, err := os.Stat(h.Path("node.pem.etcd")); err != nil {
		h.box.ca.issue(h.Path("node.pem.etcd"), time.Now().Add(time.Hour), own)
	}
	h.member = n.inside(h.place, "etcd", args...)
	log, err := os.OpenFile(h.Path("etcd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.T.Fatal(err)
	}
	h.member.Stdout, h.member.Stderr = log, log
	if err := h.member.Start(); err != nil {
		h.T.Fatal(err)
	}
	_ = log.Close()
	member, ended := h.member, make(chan struct{})
	h.ended = ended
	go func() { defer close(ended); _ = member.Wait() }()
}

func (h *host) killMember() {
	if h.member != nil && h.member.Process != nil {
		_ = h.member.Process.Kill()
		<-h.ended
	}
}

// startDaemon starts the daemon on its host and waits until it answers.
func (h *host) startDaemon() {
	h.T.Helper()
	program := h.Program
	if program == nil {
		program = e2etest.Binary
	}
	name, err := program()
	if err != nil {
		h.T.Fatal(err)
	}
	cmd := h.box.net.inside(h.place, name, "run", "-c", h.Path("config.toml"))
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.Dir}, h.environ...)
	p := &e2etest.Process{Cmd: cmd, Log: &e2etest.Buffer{}, Ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.Log, p.Log
	if err := cmd.Start(); err != nil {
		h.T.Fatal(err)
	}
	go func() { p.Status = cmd.Wait(); close(p.Ended) }()
	h.Daemon = p
	h.Eventually(h.name+" answers", func() bool { code, _, _ := h.Run("status"); return code == 0 || h.gone() })
}

// gone reports whether the daemon has exited.
func (h *host) gone() bool {
	select {
	case <-h.Daemon.Ended:
		return true
	default:
		return false
	}
}

// login imports a seed on a host, as a person would.
func (h *host) login() {
	h.T.Helper()
	ctx, cancel := context.WithTimeout(h.T.Context(), 2*e2etest.Patience)
	defer cancel()
	cmd := h.Command(ctx, "login", "sales", "--refresh-token", "-")
	cmd.Stdin = strings.NewReader(h.box.judge.plant() + "\n")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		h.T.Fatalf("login on %s: %v: %s", h.name, err, &out)
	}
}

// together is the output of status --cluster.
type together struct {
	Engine   struct{ Up bool }
	Machines []struct{ Name, ConfigHash string }
	Intents  []struct{ Credential, Node string }
}

func (h *host) cluster() (c together, ok bool) {
	code, out, _ := h.Run("status", "--cluster", "--json")
	return c, code == 0 && json.Unmarshal([]byte(out), &c) == nil
}

// generation returns the generation of a credential on a host, and its state.
func (h *host) generation(name string) (generation int, state string) {
	code, out, _ := h.Run("status", "--json")
	var s struct {
		Credentials []struct {
			Name, State string
			Generation  int
		}
	}
	if code != 0 || json.Unmarshal([]byte(out), &s) != nil {
		return 0, ""
	}
	for _, c := range s.Credentials {
		if c.Name == name {
			return c.Generation, c.State
		}
	}
	return 0, ""
}

func (b *box) eventually(what string, holds func() bool) time.Duration {
	b.t.Helper()
	begun := time.Now()
	b.hosts[0].Eventually(what, holds)
	return time.Since(begun)
}

// agree waits until all hosts hold and deliver the same value of a credential.
func (b *box) agree(after, name string) {
	b.t.Helper()
	b.within(after, "one generation of "+name+" everywhere", func() string { return b.held(name) })
}

// within waits up to 15 s until nothing is missing any more, and logs how long
// that took.
func (b *box) within(after, what string, missing func() string) {
	b.t.Helper()
	begun := time.Now()
	for {
		seen := missing()
		took := time.Since(begun).Round(100 * time.Millisecond)
		if seen == "" {
			b.t.Logf("after %s: %s within %s", after, what, took)
			return
		}
		if took > 15*time.Second {
			b.t.Errorf("after %s: not %s after %s: %s", after, what, took, seen)
			return
		}
		<-time.After(100 * time.Millisecond)
	}
}

// held describes how hosts differ; empty if they agree.
func (b *box) held(name string) string {
	first, token := 0, ""
	for _, h := range b.hosts {
		generation, _ := h.generation(name)
		out := strings.TrimSpace(h.Read(name + ".out"))
		if h.place == 0 {
			first, token = generation, out
		}
		if generation == 0 || generation != first || out != token || b.judge.place(out) == 0 {
			return fmt.Sprintf("%s: %s holds %d and delivered token %d, a %d and token %d", name, h.name, generation, b.judge.place(out), first, b.judge.place(token))
		}
	}
	return ""
}

var errNoLeader = errors.New("no leader")

// leader returns the index of the leading member.
func (b *box) leader() (int, error) {
	for i, endpoint := range b.client.Endpoints() {
		ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Second)
		s, err := b.client.Status(ctx, endpoint)
		cancel()
		if err == nil && s.Leader == s.Header.MemberId {
			return i, nil
		}
	}
	return 0, errNoLeader
}
