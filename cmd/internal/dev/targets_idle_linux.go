package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed testdata/input.json
var sampleInput []byte

//go:embed testdata/manifest.json
var sampleManifest string

const (
	waiters  = 10               // registered updaters
	settling = 20 * time.Second // from start to the first look
	watching = 4 * time.Minute  // between the two looks
)

const vendorFile = `apiVersion: lull/v1
vendor: example
enabled: true
keys: [{id: "1", pem_file: example.pub}]
scopes: [{updaters: ["com.example.*"], actions: [scan, download, install], components: [user_mode_app], artifacts: self}]
expires: 2099-01-01T00:00:00Z
`

// idle starts a daemon with ten updaters in a root of its own and looks at
// what the kernel counts for it while nothing happens.
func idle(ctx context.Context) (map[string]figure, error) {
	lull, remove, err := buildLull(ctx)
	if err != nil {
		return nil, err
	}
	defer remove()
	root := filepath.Join(filepath.Dir(lull), "root")
	if err := fillRoot(ctx, lull, root); err != nil {
		return nil, err
	}
	c := command(ctx, lull, "run", "--root", root)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return nil, err
	}
	defer func() { _ = c.Cancel(); _ = c.Wait() }()
	floor, release, err := blocked(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return watchIdle(ctx, c.Process.Pid, floor)
}

// blocked starts the least that a Go program can do, which the daemon is
// compared with: one that waits for its standard input.
func blocked(ctx context.Context) (pid int, release func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, nil, err
	}
	c := command(ctx, self, "block")
	in, err := c.StdinPipe()
	if err != nil {
		return 0, nil, err
	}
	if err := c.Start(); err != nil {
		return 0, nil, err
	}
	return c.Process.Pid, func() { _ = in.Close(); _ = c.Wait() }, nil
}

func watchIdle(ctx context.Context, pid, floor int) (map[string]figure, error) {
	if err := sleep(ctx, settling); err != nil {
		return nil, err
	}
	before, err := switches(pid)
	if err != nil {
		return nil, fmt.Errorf("the daemon ended early: %w", err)
	}
	least, err := switches(floor)
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, watching); err != nil {
		return nil, err
	}
	after, err := switches(pid)
	if err != nil {
		return nil, err
	}
	most, err := switches(floor)
	if err != nil {
		return nil, err
	}
	hourly := func(n int64) float64 { return float64(n) * float64(time.Hour/watching) }
	anon, err := procField(pid, "status", "RssAnon:")
	if err != nil {
		return nil, err
	}
	rss, err := procField(pid, "status", "VmRSS:")
	if err != nil {
		return nil, err
	}
	return map[string]figure{
		"idle.switches_per_hour": {Value: hourly(after - before - most + least), Peer: fmt.Sprintf("all: %.0f, a blocked Go program: %.0f", hourly(after-before), hourly(most-least))},
		"idle.anon_mb":           {Value: float64(anon) / 1024},
		"idle.rss_mb":            {Value: float64(rss) / 1024},
	}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// switches are the context switches of all threads, both kinds.
func switches(pid int) (int64, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no process %d", pid)
	}
	var sum int64
	for _, f := range files {
		for _, key := range []string{"voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"} {
			if n, err := fieldOf(f, key); err == nil { // a thread may end meanwhile
				sum += n
			}
		}
	}
	return sum, nil
}

// fillRoot makes a vendor with ten signed updaters, as their debs would.
func fillRoot(ctx context.Context, lull, root string) error {
	etc := filepath.Join(root, "etc", "lull", "vendors.d")
	key := filepath.Join(filepath.Dir(lull), "example.key")
	if err := writeKey(key, filepath.Join(etc, "example.pub")); err != nil {
		return err
	}
	if err := writeFiles(map[string][]byte{filepath.Join(etc, "example.yaml"): []byte(vendorFile)}); err != nil {
		return err
	}
	for i := range waiters {
		id := fmt.Sprintf("waiter%d", i)
		dir := filepath.Join(root, "usr", "lib", "lull", "updaters", "com.example."+id)
		if err := writeFiles(map[string][]byte{
			filepath.Join(dir, "manifest.json"):  []byte(strings.Replace(sampleManifest, "ID", id, 1)),
			filepath.Join(dir, "bin", "updater"): []byte("#!/bin/sh\n[ \"$1\" = scan ] && echo '{\"updates\":[]}'\nexit 0\n"),
		}); err != nil {
			return err
		}
		if err := os.Chmod(filepath.Join(dir, "bin", "updater"), 0o755); err != nil {
			return err
		}
		if err := sh(ctx, nil, lull, "pack", dir, "--key", key); err != nil {
			return err
		}
	}
	return nil
}

// writeKey makes a key pair: PKCS 8 and its public half.
func writeKey(private, public string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	pub, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	return writeFiles(map[string][]byte{
		private: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		public:  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}),
	})
}
