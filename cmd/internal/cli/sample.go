package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// sampleVerb is the hidden first argument with which this binary plays the
// demo's updater. The demo packs a copy of the binary, so that a real signed
// program is confined and run without any shell or tool on the machine.
const sampleVerb = "__sample-updater"

// sampleUpdater runs the sample updater if args ask for it. It is an updater
// like any other: it knows its package, the variables that CONTRACTS section 5
// promises, and nothing of lull.
func sampleUpdater(args []string) (code int, ok bool) {
	if len(args) != 2 || args[0] != sampleVerb {
		return 0, false
	}
	if err := newSample().do(args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "sample updater:", err)
		return 1, true
	}
	return 0, true
}

// sampleConfig is sample.json of the package, signed with it.
type sampleConfig struct {
	Server  string `json:"server"`  // base URL of the vendor's server
	Install string `json:"install"` // directory to install into
	File    string `json:"file"`    // the artifact's name
	Update  string `json:"update"`  // base name of the signed update document
}

// sample is one run of the sample updater.
type sample struct {
	pkg, stage, artifacts, state string
	channel                      io.Writer // LULL_FD
}

func newSample() *sample {
	s := &sample{pkg: os.Getenv("LULL_PACKAGE_DIR"), stage: os.Getenv("LULL_STAGE_DIR"), artifacts: os.Getenv("LULL_ARTIFACT_DIR"),
		state: os.Getenv("LULL_STATE_DIR"), channel: io.Discard}
	if fd, err := strconv.Atoi(os.Getenv("LULL_FD")); err == nil {
		s.channel = os.NewFile(uintptr(fd), "LULL_FD")
	}
	return s
}

func (s *sample) do(action string) error {
	data, err := os.ReadFile(filepath.Join(s.pkg, "sample.json"))
	if err != nil {
		return err
	}
	var c sampleConfig
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	switch action {
	case "scan":
		return s.scan(c)
	case "download":
		err = s.fetch(c.Server+"/"+c.File, filepath.Join(s.stage, c.File))
	case "install":
		err = s.install(c)
	case "complete":
		err = s.complete(c)
	case "uninstall":
		err = os.Remove(filepath.Join(c.Install, c.File))
	default:
		return fmt.Errorf("no such action: %s", action)
	}
	if err != nil {
		return err
	}
	return s.say(map[string]any{"result": "succeeded", "restart": "none"})
}

// say writes one line to lull.
func (s *sample) say(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = s.channel.Write(append(data, '\n'))
	return err
}

// installed is where the updater remembers what it installed last.
func (s *sample) installed() string { return filepath.Join(s.state, "installed") }

// scan asks the vendor's server what is new, fetches the signed document of
// the update, and prints the list, which is empty once it is installed.
func (s *sample) scan(c sampleConfig) error {
	if have, err := os.ReadFile(s.installed()); err == nil && string(have) == c.File {
		_, err := fmt.Println(`{"updates": []}`)
		return err
	}
	for _, name := range []string{c.Update, c.Update + ".sigstore.json"} {
		if err := s.fetch(c.Server+"/"+name, filepath.Join(s.stage, name)); err != nil {
			return err
		}
	}
	body, err := get(c.Server + "/updates.json")
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(os.Stdout, body)
	return err
}

// fetch downloads url into file and reports how far it is.
func (s *sample) fetch(url, file string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, &counted{r: resp.Body, total: resp.ContentLength, say: s.progress})
	return errors.Join(err, out.Close())
}

func get(url string) (io.ReadCloser, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return resp.Body, nil
}

func (s *sample) progress(current, total int64) {
	_ = s.say(map[string]any{"progress": map[string]any{"current": current, "total": total}})
}

// install puts the artifact that lull verified where it belongs: beside, then
// renamed, so that nobody ever sees half of it.
func (s *sample) install(c sampleConfig) error {
	in, err := os.Open(filepath.Join(s.artifacts, c.File))
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	part := filepath.Join(c.Install, c.File+".part")
	out, err := os.Create(part)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, &counted{r: in, total: info.Size(), say: s.progress})
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(c.Install, c.File))
}

// complete checks what was installed by reading it back, and remembers it.
func (s *sample) complete(c sampleConfig) error {
	if _, err := fileDigest(filepath.Join(c.Install, c.File)); err != nil {
		return err
	}
	return os.WriteFile(s.installed(), []byte(c.File), 0o644)
}

// counted tells how many bytes were read, at most five times a second: lull
// takes ten lines a second.
type counted struct {
	r           io.Reader
	done, total int64
	say         func(current, total int64)
	last        time.Time
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	if now := time.Now(); c.total > 0 && now.Sub(c.last) > 200*time.Millisecond {
		c.last = now
		c.say(c.done, c.total)
	}
	return n, err
}

// fileDigest is the SHA-256 of a file, hex.
func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// pause waits, or returns false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
