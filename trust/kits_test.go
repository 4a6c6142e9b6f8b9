package trust

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheSampleKitsReallyUpdate takes each kit of trust/README.md the whole
// way: packed, signed, admitted, and run from the store against a feed.
func TestTheSampleKitsReallyUpdate(t *testing.T) {
	for kit, need := range map[string]string{"shell": "curl", "python": "/usr/bin/python3", "go": "go"} {
		t.Run(kit, func(t *testing.T) {
			if _, err := exec.LookPath(need); err != nil {
				t.Skipf("%s is not installed", need)
			}
			w := newWorld(t)
			k := &kitRun{t: t, w: w, feed: w.feed("the new reader")}
			k.pack(kit)
			var found struct {
				Updates []struct{ ID, Document string }
			}
			if err := json.Unmarshal(k.do("scan", nil, nil), &found); err != nil || len(found.Updates) != 1 {
				t.Fatalf("the scan printed %+v (%v)", found, err)
			}
			u, err := w.AdmitUpdate(context.Background(), k.pkg, w.path("run"), found.Updates[0].Document)
			if err != nil {
				t.Fatal(err)
			}
			k.do("download", u, nil)
			a, err := w.AdmitArtifacts(context.Background(), k.pkg, u, w.path("run"))
			if err != nil {
				t.Fatal(err)
			}
			k.do("install", u, a)
			k.do("complete", u, a)
			if got := w.read("opt/reader.bin"); got != "the new reader" {
				t.Errorf("installed %q", got)
			}
		})
	}
}

type kitRun struct {
	t    *testing.T
	w    *world
	feed string
	pkg  *Package
}

// pack copies a kit and its manifest, with the places of this test, and packs
// and signs it as `lull pack --key` does.
func (k *kitRun) pack(kit string) {
	k.t.Helper()
	w := k.w
	w.mkdir("opt")
	w.mkdir("run")
	text, err := os.ReadFile("testdata/kits/manifest.json")
	if err != nil {
		k.t.Fatal(err)
	}
	manifest := strings.NewReplacer("FEED", k.feed, `"install", "/opt/reader"`, `"install", "`+w.path("opt")+`"`, `"complete", "/opt/reader"`, `"complete", "`+w.path("opt")+`"`).Replace(string(text))
	manifest = strings.Replace(manifest, `"platform"`, `"created": "2027-02-28T00:00:00Z", "platform"`, 1)
	w.write("kit/manifest.json", manifest)
	w.mkdir("kit/bin")
	if kit == "go" {
		build := exec.Command("go", "build", "-trimpath", "-o", w.path("kit/bin/updater"), "./testdata/kits/go")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			k.t.Fatalf("go build: %v\n%s", err, out)
		}
	} else {
		program, err := os.ReadFile(filepath.Join("testdata/kits", kit, "bin/updater"))
		if err != nil {
			k.t.Fatal(err)
		}
		w.write("kit/bin/updater", string(program))
	}
	if _, err := Pack(context.Background(), PackOptions{Dir: w.path("kit"), KeyFile: w.path("keys/example.key")}); err != nil {
		k.t.Fatal(err)
	}
	if k.pkg, err = w.Admit(context.Background(), w.path("kit")); err != nil {
		k.t.Fatal(err)
	}
}

// do checks an action and runs it from the store, with the environment that an
// updater gets.
func (k *kitRun) do(action string, u *Update, a *Artifacts) []byte {
	k.t.Helper()
	v, _, err := k.w.Check(context.Background(), k.pkg, action, u, a)
	if err != nil {
		k.t.Fatalf("%s: %v", action, err)
	}
	path, args := v.Argv(action)
	cmd := exec.Command(path, args...)
	cmd.Dir = v.Dir()
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LULL_ACTION=" + action, "LULL_STAGE_DIR=" + k.w.path("run"), "LULL_ARTIFACT_DIR=" + v.ArtifactDir()}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		k.t.Fatalf("%s: %v", action, err)
	}
	return out
}

// feed serves a release: the scan's answer, the signed document, the artifact.
func (w *world) feed(content string) string {
	w.t.Helper()
	w.write("www/reader.bin", content)
	d := &UpdateDocument{
		APIVersion: apiVersion, Kind: "Update", Updater: "com.example.reader", ID: "reader-2.0", Version: "2.0.0",
		Platform: "any", Created: w.now.Add(-day), Expires: w.now.Add(30 * day),
	}
	if err := StateArtifacts(context.Background(), d, w.path("www"), "reader.bin"); err != nil {
		w.t.Fatal(err)
	}
	data, err := json.Marshal(d)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("www/reader.update.json", string(data))
	w.sign("www/reader.update.json", "example")
	w.write("www/scan.json", `{"updates":[{"id":"reader-2.0","title":"Reader 2","version":"2.0.0","document":"reader.update.json"}]}`)
	server := httptest.NewServer(http.FileServer(http.Dir(w.path("www"))))
	w.t.Cleanup(server.Close)
	return server.URL
}
