package main

import (
	"context"
	"debug/buildinfo"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// A tool is a Go program that the gate or the tests call.
type tool struct {
	Name    string // file name on PATH
	Package string // what `go install` is given
	Version string
	Why     string
}

// tools are pinned: a new version comes in by a commit, not by the calendar.
// Opa is the version that the engine embeds; a test keeps them equal.
var tools = []tool{
	{"opa", "github.com/open-policy-agent/opa", "v1.22.2", "the stock policy engine that must agree with ours"},
	{"cosign", "github.com/sigstore/cosign/v3/cmd/cosign", "v3.1.3", "the stock signer whose bundles we verify"},
	{"golangci-lint", "github.com/golangci/golangci-lint/v2/cmd/golangci-lint", "v2.15.0", "the linters of .golangci.yml"},
}

func cmdTools(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("tools", flag.ContinueOnError)
	only := fs.Bool("dir", false, "print the directory only, install nothing")
	if err := fs.Parse(args); err != nil {
		return err
	}
	dir, err := toolDir()
	if err != nil {
		return err
	}
	if !*only {
		if err := installTools(ctx, dir); err != nil {
			return err
		}
	}
	fmt.Println(dir)
	return nil
}

// toolDir is where the tools live between runs.
func toolDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for tools: %w; set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(cache, "lull-dev", "bin"), nil
}

func installTools(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, t := range tools {
		if installed(filepath.Join(dir, t.Name), t) {
			continue
		}
		fmt.Fprintf(os.Stderr, "dev: installing %s %s: %s\n", t.Name, t.Version, t.Why)
		if err := install(ctx, dir, t); err != nil {
			return fmt.Errorf("installing %s %s: %w", t.Name, t.Version, err)
		}
	}
	return nil
}

func install(ctx context.Context, dir string, t tool) error {
	c := command(ctx, "go", "install", t.Package+"@"+t.Version)
	c.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	return c.Run()
}

// installed tells whether the file is the tool in its pinned version, built by
// the Go release in use: linters cannot read code newer than their own release.
func installed(file string, t tool) bool {
	info, err := buildinfo.ReadFile(file)
	return err == nil && info.Main.Version == t.Version &&
		strings.HasPrefix(t.Package, info.Main.Path) && info.GoVersion == runtime.Version()
}

// useTools puts the tools of the user's cache in front of PATH.
func useTools() error {
	dir, err := toolDir()
	if err != nil {
		return err
	}
	return os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}
