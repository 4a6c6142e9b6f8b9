package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// platforms that lull is built for. On all but Linux some facts are unknown.
var platforms = []string{"linux/amd64", "windows/amd64", "darwin/arm64"}

func checkFormat(ctx context.Context) error {
	out, err := output(ctx, nil, "gofmt", "-l", ".")
	if err != nil {
		return err
	}
	if files := lines(out); len(files) > 0 {
		return fmt.Errorf("not formatted; run gofmt -w on: %s", strings.Join(files, " "))
	}
	return nil
}

func checkModules(ctx context.Context) error {
	return sh(ctx, nil, "go", "mod", "tidy", "-diff")
}

// crossEnv is the environment to build for a platform without a C compiler.
func crossEnv(platform string) []string {
	system, arch, _ := strings.Cut(platform, "/")
	return []string{"CGO_ENABLED=0", "GOOS=" + system, "GOARCH=" + arch}
}

func checkVet(ctx context.Context) error {
	var errs []error
	for _, p := range platforms {
		if err := sh(ctx, crossEnv(p), "go", "vet", "./..."); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p, err))
		}
	}
	return errors.Join(errs...)
}

func checkBuild(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "lull-build-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var errs []error
	for _, p := range platforms {
		errs = append(errs, buildFor(ctx, dir, p))
	}
	return errors.Join(errs...)
}

func buildFor(ctx context.Context, dir, platform string) error {
	file := filepath.Join(dir, strings.ReplaceAll(platform, "/", "-"))
	if err := sh(ctx, crossEnv(platform), "go", "build", "-ldflags=-s -w", "-o", file, "./cmd/lull"); err != nil {
		return fmt.Errorf("%s: %w", platform, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %.1f MB\n", platform, float64(info.Size())/1e6)
	return nil
}

func checkLint(ctx context.Context) error {
	return sh(ctx, nil, "golangci-lint", "run", "--timeout=20m", "./...")
}
