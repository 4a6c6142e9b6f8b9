package execute

import "github.com/lullhq/lull/trust"

// program is what the executor needs from a verified package. The only exported
// way in is Spec.Program, which is a *trust.Verified; the seam exists so that
// tests of this package can run programs of their own.
type program interface {
	// Dir is the package tree in the store, read-only.
	Dir() string
	// Argv is the program of an action, absolute, and its arguments without argv[0].
	Argv(action string) (path string, args []string)
	// ArtifactDir holds the verified artifacts; "" when the action has none.
	ArtifactDir() string
	// Valid fails when what was verified no longer holds (generation replaced, key revoked).
	Valid() error
}

var _ program = (*trust.Verified)(nil)
