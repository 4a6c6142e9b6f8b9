package trust

import (
	"crypto"
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lullhq/lull/trust/internal/sigtest"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// repository is a TUF repository on the loopback interface.
type repository struct {
	t     *testing.T
	key   ed25519.PrivateKey
	files map[string][]byte
	url   string
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &repository{t: t, key: key, files: map[string][]byte{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		data, ok := r.files[q.URL.Path[1:]]
		if !ok {
			http.NotFound(w, q)
			return
		}
		w.Write(data)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func sign[T metadata.Roles](r *repository, m *metadata.Metadata[T]) []byte {
	r.t.Helper()
	signer, err := signature.LoadSigner(r.key, crypto.Hash(0))
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := m.Sign(signer); err != nil {
		r.t.Fatal(err)
	}
	data, err := m.ToBytes(false)
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

// publish writes version v of everything, expiring at end.
func (r *repository) publish(v int64, end time.Time, trustedRoot []byte) {
	r.t.Helper()
	root := metadata.Root(end.Add(1000 * time.Hour))
	pub, err := metadata.KeyFromPublicKey(r.key.Public())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, role := range []string{"root", "targets", "snapshot", "timestamp"} {
		if err := root.Signed.AddKey(pub, role); err != nil {
			r.t.Fatal(err)
		}
	}
	targets := metadata.Targets(end)
	info, err := metadata.TargetFile().FromBytes("trusted_root.json", trustedRoot)
	if err != nil {
		r.t.Fatal(err)
	}
	targets.Signed.Targets["trusted_root.json"] = info
	snapshot, timestamp := metadata.Snapshot(end), metadata.Timestamp(end)
	targets.Signed.Version, snapshot.Signed.Version, timestamp.Signed.Version = v, v, v
	snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(v)
	timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(v)
	n := string(rune('0' + v))
	if v == 1 {
		r.files["1.root.json"] = sign(r, root)
	}
	r.files[n+".targets.json"], r.files[n+".snapshot.json"], r.files["timestamp.json"] = sign(r, targets), sign(r, snapshot), sign(r, timestamp)
	sum := info.Hashes["sha256"].String()
	r.files["targets/"+sum+".trusted_root.json"] = trustedRoot
}

func TestARefreshReplacesTheRootAndNothingElseDoes(t *testing.T) {
	repo := newRepository(t)
	first, second := sigtest.New(t).Root(), sigtest.New(t).Root()
	later := time.Now().Add(100 * time.Hour)
	repo.publish(1, later, first)
	dir := t.TempDir()
	r := Refresher{Name: "corp", Dir: filepath.Join(dir, "roots.d"), Cache: filepath.Join(dir, "tuf"), URL: repo.url, Root: repo.files["1.root.json"]}
	wantRoot := func(want []byte) {
		t.Helper()
		if got, err := os.ReadFile(filepath.Join(r.Dir, "corp.json")); err != nil || string(got) != string(want) {
			t.Errorf("got another root in place (%v)", err)
		}
	}
	if changed, err := r.Refresh(t.Context()); err != nil || !changed {
		t.Fatalf("first: %v, %v", changed, err)
	}
	wantRoot(first)
	if changed, err := r.Refresh(t.Context()); err != nil || changed {
		t.Fatalf("again: %v, %v", changed, err)
	}
	old := repo.files["timestamp.json"]
	repo.publish(2, later, second)
	if changed, err := r.Refresh(t.Context()); err != nil || !changed {
		t.Fatalf("second: %v, %v", changed, err)
	}
	wantRoot(second)

	current := repo.files["timestamp.json"]
	repo.files["timestamp.json"] = old
	_, err := r.Refresh(t.Context())
	wantCode(t, err, "root_unavailable", "version")
	wantRoot(second)

	repo.publish(3, time.Now().Add(-time.Hour), first)
	_, err = r.Refresh(t.Context())
	wantCode(t, err, "root_unavailable", "expired")
	wantRoot(second)

	repo.files["timestamp.json"] = current
	delete(repo.files, "timestamp.json")
	_, err = r.Refresh(t.Context())
	wantCode(t, err, "root_unavailable", "stays in force")
	wantRoot(second)
}

func TestARefreshRefusesAnotherRepositorysWord(t *testing.T) {
	repo, evil := newRepository(t), newRepository(t)
	later := time.Now().Add(100 * time.Hour)
	repo.publish(1, later, sigtest.New(t).Root())
	evil.publish(1, later, sigtest.New(t).Root())
	dir := t.TempDir()
	r := Refresher{Name: "corp", Dir: dir, Cache: filepath.Join(dir, "tuf"), URL: evil.url, Root: repo.files["1.root.json"]}
	_, err := r.Refresh(t.Context())
	wantCode(t, err, "root_unavailable")
}

func TestARefreshIsDueADayAfterTheLast(t *testing.T) {
	r := Refresher{Name: "corp", Dir: t.TempDir()}
	now := time.Now().Truncate(time.Second)
	if got := r.NextDue(now); !got.Equal(now) {
		t.Errorf("without a root: due at %v, want now", got)
	}
	if err := os.WriteFile(r.Path(), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		confirmed, want time.Time
	}{{now.Add(-time.Hour), now.Add(23 * time.Hour)}, {now.Add(-48 * time.Hour), now.Add(-24 * time.Hour)}, {now.Add(time.Hour), now}} {
		if err := os.Chtimes(r.Path(), tt.confirmed, tt.confirmed); err != nil {
			t.Fatal(err)
		}
		if got := r.NextDue(now); !got.Equal(tt.want) {
			t.Errorf("confirmed %v: due at %v, want %v", tt.confirmed, got, tt.want)
		}
	}
}
