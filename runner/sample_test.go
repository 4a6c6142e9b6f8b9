package runner_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lullhq/lull/runner/execute"
)

// The test binary plays every part: the daemon that a test kills, the
// supervisor, and the vendor's updater. The updater is a real program: it is
// packed, signed, stored, confined and started like any other.
func TestMain(m *testing.M) {
	execute.MaybeStage()
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "updater":
			os.Exit(updaterMain(os.Args[2]))
		case "daemon":
			os.Exit(daemonMain(os.Args[2]))
		}
	}
	os.Exit(m.Run())
}

// feed is what the sample vendor's server offers, and what the updater was
// told to do on the way.
type feed struct {
	Updates []map[string]any  `json:"updates"`
	Files   map[string]string `json:"files"` // staged by the scan: name → URL
	Payload string            `json:"payload"`
	SlowMS  map[string]int    `json:"slow_ms"` // action → how long it takes
	Exit    map[string]int    `json:"exit"`
}

// updaterMain is the sample updater. Its feed's address is in a file of its
// own package, so that it is signed with it.
func updaterMain(action string) int {
	note(action, "begin")
	var f feed
	base, err := os.ReadFile("feed.url")
	if err == nil {
		err = getJSON(strings.TrimSpace(string(base))+"/feed.json", &f)
	}
	if action != "scan" && action != "download" {
		err = nil // no network is asked for, so none is there
		data, _ := os.ReadFile("slow.json")
		json.Unmarshal(data, &f)
	}
	if err == nil {
		work(time.Duration(f.SlowMS[action]) * time.Millisecond)
		err = updaterAction(action, f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sample updater:", err)
		return 1
	}
	note(action, "end")
	return f.Exit[action]
}

// work takes so long, and leaves a sign of life every five milliseconds, which
// it does not while it stands still.
func work(long time.Duration) {
	const beat = 5 * time.Millisecond
	file := filepath.Join(os.Getenv("LULL_STATE_DIR"), "beats")
	for ; long >= beat; long -= beat {
		time.Sleep(beat)
		os.WriteFile(file, nil, 0o644)
		now := time.Now()
		os.Chtimes(file, now, now)
	}
	time.Sleep(long)
}

func updaterAction(action string, f feed) error {
	switch action {
	case "scan":
		for name, url := range f.Files {
			if err := fetch(url, filepath.Join(os.Getenv("LULL_STAGE_DIR"), name)); err != nil {
				return err
			}
		}
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"updates": f.Updates})
	case "download":
		return fetch(f.Payload, filepath.Join(os.Getenv("LULL_STAGE_DIR"), "reader.bin"))
	case "install":
		target, err := os.ReadFile("target.dir")
		if err != nil {
			return err
		}
		data, err := os.ReadFile(filepath.Join(os.Getenv("LULL_ARTIFACT_DIR"), "reader.bin"))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(strings.TrimSpace(string(target)), "reader"), data, 0o755)
	}
	return nil
}

// note appends to a diary in the updater's own state directory, which is how
// tests count what really ran.
func note(action, what string) {
	f, err := os.OpenFile(filepath.Join(os.Getenv("LULL_STATE_DIR"), "diary"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "%s %s %s\n", action, what, os.Getenv("LULL_ATTEMPT"))
}

func getJSON(url string, into any) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(into)
}

func fetch(url, file string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, resp.Body); err != nil {
		return err
	}
	return out.Close()
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
