package facts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/txtar"
)

// Extract writes a captured machine (see [Capture]) below dir, which then
// serves as Options.Root. Names that lead out of dir are refused.
func Extract(archive []byte, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range txtar.Parse(archive).Files {
		if f.Name == linksFile {
			err = extractLinks(root, string(f.Data))
		} else {
			err = extractFile(root, f.Name, f.Data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func extractFile(root *os.Root, name string, data []byte) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return root.WriteFile(name, data, 0o644)
}

// extractLinks makes symbolic links. Of a link to a directory that the archive
// fills through the link's name, the target directory is made first.
func extractLinks(root *os.Root, lines string) error {
	for l := range strings.Lines(lines) {
		name, target, ok := strings.Cut(strings.TrimSpace(l), " -> ")
		if !ok {
			return fmt.Errorf("link %q is not \"path -> target\"", l)
		}
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.MkdirAll(filepath.Join(filepath.Dir(name), target), 0o755); err != nil {
			return err
		}
		if err := root.Symlink(target, name); err != nil {
			return err
		}
	}
	return nil
}
