package sig

import (
	"context"
	"fmt"
	"os"

	"github.com/sigstore/sigstore-go/pkg/tuf"
)

// Repository is a TUF repository that publishes a trusted root.
type Repository struct {
	URL    string // default the public-good instance
	Root   []byte // TUF root to begin with; default that of the public-good instance
	Cache  string // directory for the metadata; required, it holds what was seen before
	Target string // default "trusted_root.json"
}

// Fetch updates the metadata over the network and returns the trusted root it
// vouches for. Rollback, freeze and mix-and-match are TUF's to refuse; the
// metadata in Cache is what they are measured against.
func (r Repository) Fetch(ctx context.Context) (data []byte, err error) {
	opts := tuf.DefaultOptions().WithCachePath(r.Cache).WithContext(ctx)
	if r.URL != "" {
		opts = opts.WithRepositoryBaseURL(r.URL)
	}
	if r.Root != nil {
		opts = opts.WithRoot(r.Root)
	}
	if err := os.MkdirAll(r.Cache, 0o755); err != nil {
		return nil, err
	}
	client, err := tuf.New(opts)
	if err != nil {
		return nil, err
	}
	target := r.Target
	if target == "" {
		target = "trusted_root.json"
	}
	if data, err = client.GetTarget(target); err != nil {
		return nil, err
	}
	if _, err := ParseRoot(data); err != nil {
		return nil, fmt.Errorf("%s: %w", target, err)
	}
	return data, nil
}
