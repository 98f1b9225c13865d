package daemon

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/store"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
	"github.com/vigented/vigente/sinks/file"
)

// callers is the number of concurrent fetches in both forms.
const callers = 32

// BenchmarkFetchToSink compares, in one run, the whole path of a token (engine, durable intent,
// TLS fetch, durable record, sink, durable sink record) with a plain loop as a script would
// have it: TLS fetch, temporary file, fsync, rename, fsync of the folder. One operation is one
// token in its file.
func BenchmarkFetchToSink(b *testing.B) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3600,"access_token":"token-of-%s-%064d"}`, r.URL.Query().Get("n"), 7)
	}))
	defer server.Close()
	client := server.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = callers
	b.Run("form=plain", func(b *testing.B) { plainLoop(b, client, server.URL) })
	b.Run("form=vigente", func(b *testing.B) { wholeWay(b, client, server.URL) })
}

func fetch(ctx context.Context, client *http.Client, url string) (token string, life time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", 0, err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	err = json.Unmarshal(body, &answer)
	return answer.AccessToken, time.Duration(answer.ExpiresIn) * time.Second, err
}

func plainLoop(b *testing.B, client *http.Client, url string) {
	dir := b.TempDir()
	folder, err := os.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer folder.Close()
	one := func(n int) error {
		token, _, err := fetch(b.Context(), client, fmt.Sprintf("%s/?n=%d", url, n))
		if err != nil {
			return err
		}
		name := filepath.Join(dir, fmt.Sprintf("%d", n))
		f, err := os.OpenFile(name+".tmp", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if _, err := f.WriteString(token); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		if err := os.Rename(name+".tmp", name); err != nil {
			return err
		}
		return folder.Sync()
	}
	var all sync.WaitGroup
	var next atomic.Int64
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := one(int(n)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// fetcher is a provider that makes the same fetch.
type fetcher struct {
	client *http.Client
	url    string
}

func (f fetcher) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	token, life, err := fetch(ctx, f.client, f.url)
	if err != nil {
		return credential.Credential{}, err
	}
	return credential.Credential{
		Values:    map[string]credential.Secret{"token": credential.NewSecret(token)},
		ExpiresAt: req.At.Add(life),
	}, nil
}

// counter ends a run after a number of successful deliveries.
type counter struct {
	left int
	done context.CancelFunc
	fail func(args ...any)
}

func (c *counter) Observe(o engine.Outcome) {
	if o.Fault != nil || o.SaveError != nil {
		c.fail(o.Kind, o.Name, o.Fault, o.SaveError)
	}
	if o.Kind == engine.Deliver {
		if c.left--; c.left == 0 {
			c.done()
		}
	}
}

func wholeWay(b *testing.B, client *http.Client, url string) {
	dir := b.TempDir()
	st, err := store.Open(b.TempDir(), store.Options{Key: &[32]byte{1}})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close(context.Background())
	specs := &plan.Plan{Providers: []plan.Provider{{Name: "p", Type: "fetch", Concurrency: callers}}}
	policy := schedule.Policy{RenewBefore: schedule.Margin{Share: 0.25}, MaxAge: time.Hour, MinInterval: time.Minute, Timeout: time.Minute}
	for n := range b.N {
		name := fmt.Sprintf("c%d", n)
		specs.Credentials = append(specs.Credentials, plan.Credential{
			Name: name, Provider: "p", Common: &plan.Common{Type: "fetch", Policy: policy, Fields: []string{"token"}}, Identity: name, Inputs: "1",
			Source: fetcher{client, fmt.Sprintf("%s/?n=%d", url, n)},
		})
		s, err := section.Parse("sinks."+name, fmt.Sprintf("path = %q\ncontent = \"${%s.token}\"\n", filepath.Join(dir, name), name))
		if err != nil {
			b.Fatal(err)
		}
		sink := file.Kind().Open(s, sinks.Env{})
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: name, Type: "file", Path: sink.Target, Needs: []string{name}, Target: "1", Sink: sink.Sink})
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	seed := st.Seed()
	e := engine.New(engine.Options{Ledger: st, Observer: &counter{b.N, cancel, b.Error}, Seed: binary.LittleEndian.Uint64(seed[:8])})
	e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
	b.ResetTimer()
	e.Run(ctx)
}
