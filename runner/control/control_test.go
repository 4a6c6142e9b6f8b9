package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// fake is a backend that remembers what it was asked.
type fake struct {
	status Status
	why    Why
	facts  Facts
	err    error
	tar    []byte
	verb   string
	req    Request
	query  HistoryQuery
	lines  []string
}

func (f *fake) Status(context.Context) (Status, error)           { return f.status, f.err }
func (f *fake) Why(context.Context, string, string) (Why, error) { return f.why, f.err }
func (f *fake) Facts(context.Context) (Facts, error)             { return f.facts, f.err }
func (f *fake) Unregister(context.Context, string) (Done, error) { return Done{"gone"}, f.err }
func (f *fake) History(_ context.Context, q HistoryQuery) (History, error) {
	f.query = q
	return History{Records: []json.RawMessage{json.RawMessage(`{"seq":1}`)}}, f.err
}

func (f *fake) Register(_ context.Context, tar io.Reader) (Registered, error) {
	var err error
	if f.tar, err = io.ReadAll(tar); err != nil {
		return Registered{}, err
	}
	return Registered{ID: "com.example.a"}, f.err
}

func (f *fake) Do(_ context.Context, verb, _ string, req Request) (Done, error) {
	f.verb, f.req = verb, req
	return Done{"done"}, f.err
}

func (f *fake) Events(ctx context.Context, each func(json.RawMessage) error) error {
	for _, l := range f.lines {
		if err := each(json.RawMessage(l)); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// socketDir is a directory whose path leaves room for a socket's name.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lull")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serve runs a server until the test ends and returns a client of it.
func serve(t *testing.T, b Backend, o Options) (*Client, string) {
	t.Helper()
	dir := socketDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewServer(b, o).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error("Serve:", err)
		}
	})
	return NewClient(socket), socket
}

func needPeers(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("this system does not say who connects, so nobody may change anything")
	}
}

func TestTheClientGetsWhatTheBackendSays(t *testing.T) {
	needPeers(t)
	b := &fake{
		status: Status{PID: 7, Policy: Policy{Digest: "p"}, Updaters: []Updater{{ID: "com.example.a", State: Waiting}}},
		why:    Why{Updater: "com.example.a", Text: "it waits"},
		facts:  Facts{Facts: map[string]any{"presence": map[string]any{"idle_seconds": 3.0}}},
	}
	c, _ := serve(t, b, Options{})
	ctx := t.Context()
	if s, err := c.Status(ctx); err != nil || s.PID != 7 || s.Updaters[0].State != Waiting {
		t.Errorf("Status: got %+v, %v", s, err)
	}
	if p, err := c.Policy(ctx); err != nil || p.Digest != "p" {
		t.Errorf("Policy: got %+v, %v", p, err)
	}
	if u, err := c.Updaters(ctx); err != nil || len(u.Updaters) != 1 {
		t.Errorf("Updaters: got %+v, %v", u, err)
	}
	if u, err := c.Updater(ctx, "com.example.a"); err != nil || u.ID != "com.example.a" {
		t.Errorf("Updater: got %+v, %v", u, err)
	}
	if w, err := c.Why(ctx, "com.example.a", ""); err != nil || w.Text != "it waits" {
		t.Errorf("Why: got %+v, %v", w, err)
	}
	if f, err := c.Facts(ctx); err != nil || f.Facts["presence"] == nil {
		t.Errorf("Facts: got %+v, %v; the daemon's own user sees all", f, err)
	}
	if r, err := c.Register(ctx, strings.NewReader("tar")); err != nil || r.ID != "com.example.a" || string(b.tar) != "tar" {
		t.Errorf("Register: got %+v, %v, sent %q", r, err, b.tar)
	}
	if d, err := c.Unregister(ctx, "com.example.a"); err != nil || d.Message != "gone" {
		t.Errorf("Unregister: got %+v, %v", d, err)
	}
	until := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	if _, err := c.Do(ctx, "hold", "com.example.a", Request{Until: &until}); err != nil || b.verb != "hold" || !b.req.Until.Equal(until) {
		t.Errorf("Do: got %v, verb %q, %+v", err, b.verb, b.req)
	}
	if !strings.HasPrefix(b.req.By, "uid ") {
		t.Errorf("Do: the backend was told that %q asked, want a uid", b.req.By)
	}
	want := HistoryQuery{From: 3, Since: until, Updater: "com.example.a", Kinds: []string{"started", "finished"}, Limit: 5}
	h, err := c.History(ctx, want)
	if err != nil || len(h.Records) != 1 {
		t.Errorf("History: got %+v, %v", h, err)
	}
	if got := b.query; got.From != 3 || !got.Since.Equal(until) || got.Updater != want.Updater || !slices.Equal(got.Kinds, want.Kinds) || got.Limit != 5 {
		t.Errorf("History: the backend was asked %+v, want %+v", got, want)
	}
}

func TestAnErrorTravelsWithItsCodeHintAndExitCode(t *testing.T) {
	for code, kind := range kinds {
		if code == CodeUnreachable {
			continue
		}
		c, _ := serve(t, &fake{err: &Error{Code: code, Message: "m", Hint: "h"}}, Options{})
		_, err := c.Status(t.Context())
		var e *Error
		if !errors.As(err, &e) || e.Code != code || e.Message != "m" || e.Hint != "h" || e.Status != kind.status || e.ExitCode() != kind.exit {
			t.Errorf("%s: got %+v", code, err)
		}
	}
}

func TestAnyOtherErrorIsTheDaemonsOwnFailure(t *testing.T) {
	c, _ := serve(t, &fake{err: errors.New("the disk is on fire")}, Options{})
	_, err := c.Status(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeInternal || e.Status != 500 || e.Message != "the disk is on fire" {
		t.Errorf("got %+v", err)
	}
}

func TestWithoutADaemonTheErrorSaysHowToStartOne(t *testing.T) {
	socket := filepath.Join(socketDir(t), "s")
	_, err := NewClient(socket).Status(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUnreachable || e.ExitCode() != 12 {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(e.Message, socket) || !strings.Contains(e.Hint, "lull run") {
		t.Errorf("got %q, hint %q", e.Message, e.Hint)
	}
}

func TestACanceledRequestIsNotCalledUnreachable(t *testing.T) {
	c, _ := serve(t, &fake{}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestEventsArriveOneALineAndEndWithTheDaemon(t *testing.T) {
	needPeers(t)
	c, _ := serve(t, &fake{lines: []string{`{"seq":1}`, `{"seq":2}`}}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	err := c.Events(ctx, func(line json.RawMessage) error {
		if got = append(got, string(line)); len(got) == 2 {
			cancel()
		}
		return nil
	})
	if err != nil || !slices.Equal(got, []string{`{"seq":1}`, `{"seq":2}`}) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestARequestIsRefused(t *testing.T) {
	needPeers(t)
	_, socket := serve(t, &fake{}, Options{})
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}, DisableKeepAlives: true}}
	for name, tc := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"with an unknown member":        {"POST", "/v1/updaters/a/hold", `{"untill":"x"}`, 400, "untill"},
		"with two documents":            {"POST", "/v1/updaters/a/hold", `{}{}`, 400, "follows"},
		"with a body over 64 KiB":       {"POST", "/v1/updaters/a/hold", `{"update":"` + strings.Repeat("x", maxRequest) + `"}`, 400, "too large"},
		"with an unknown verb":          {"POST", "/v1/updaters/a/explode", ``, 404, "explode"},
		"with an unknown path":          {"GET", "/v2/status", ``, 404, "/v2/status"},
		"with an unknown updater":       {"GET", "/v1/updaters/a", ``, 404, "a"},
		"with a limit of nothing":       {"GET", "/v1/history?limit=0", ``, 400, "limit"},
		"with a limit over the bound":   {"GET", "/v1/history?limit=10001", ``, 400, "10000"},
		"with a time that is not one":   {"GET", "/v1/history?since=yesterday", ``, 400, "since"},
		"with a number that is not one": {"GET", "/v1/history?from=-1", ``, 400, "from"},
	} {
		t.Run(name, func(t *testing.T) {
			req, _ := http.NewRequest(tc.method, "http://lull"+tc.path, strings.NewReader(tc.body))
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tc.status || !strings.Contains(string(body), tc.says) {
				t.Errorf("got %d %s; want %d and %q", resp.StatusCode, body, tc.status, tc.says)
			}
		})
	}
}

func TestAnEmptyBodyAsksForTheDefaults(t *testing.T) {
	needPeers(t)
	b := &fake{}
	_, socket := serve(t, b, Options{})
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST /v1/updaters/a/retry HTTP/1.1\r\nHost: lull\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) || b.verb != "retry" {
		t.Errorf("got %s, verb %q", answer, b.verb)
	}
}

func TestASocketOfADeadDaemonIsReplacedAndAnythingElseIsNot(t *testing.T) {
	dir := socketDir(t)
	socket := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	again, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if err := os.WriteFile(socket, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(socket); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("got %v, want a refusal to remove a file", err)
	}
	if data, _ := os.ReadFile(socket); string(data) != "mine" {
		t.Errorf("the file is gone; it holds %q", data)
	}
}

func TestNobodyGetsMoreThanTheirShareOfConnections(t *testing.T) {
	needPeers(t)
	c, socket := serve(t, &fake{}, Options{})
	var held []net.Conn
	for range maxConnections {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	extra, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	extra.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := extra.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the connection over the bound: got %v, want it closed", err)
	}
	for _, conn := range held {
		conn.Close()
	}
	deadline := time.Now().Add(5 * time.Second)
	for _, err = c.Status(t.Context()); err != nil && time.Now().Before(deadline); _, err = c.Status(t.Context()) {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Errorf("after the others went: %v", err)
	}
}

// TestTheShapeOfStatusIsTheGoldenOne keeps a public format.
func TestTheShapeOfStatusIsTheGoldenOne(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	s := Status{
		Version: "1.0.0", PID: 7, Since: at, Boot: "b", Root: "/", Unprivileged: true, Warnings: []string{"w"},
		Sandbox: Sandbox{Layers: []string{"mount"}, Memory: "weak"}, KeepAwake: "installing", Policy: Policy{Digest: "d", Since: at, Rejected: "r", Problems: []string{"p"}},
		Vendors: Vendors{Digest: "v", Names: []string{"example"}}, Journal: Journal{Records: 9}, NextCheck: &at,
		Updaters: []Updater{{
			ID: "com.example.a", Vendor: "example", Version: "1.0.0", Digest: "d", Source: "command", Artifacts: "statement", Registered: at, State: Waiting,
			Current: &Item{Update: "a-2", Action: "install", State: Waiting, Verdict: "wait", WaitsFor: []string{"user_away"}, Check: &at},
			Updates: []Update{{ID: "a-2", Title: "A 2", Version: "2.0.0", Found: at, State: Waiting, Step: "install"}},
		}},
	}
	got, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "status.json")
	if os.Getenv("LULL_GOLDEN") == "write" {
		os.WriteFile(golden, append(got, '\n'), 0o644)
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != strings.TrimSpace(string(want)) {
		t.Errorf("got\n%s\nwant\n%s\nLULL_GOLDEN=write go test ./runner/control writes it anew", got, want)
	}
}
