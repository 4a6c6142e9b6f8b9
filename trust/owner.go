package trust

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// owners knows who may own the files that trust believes: root, and in the
// unprivileged mode also the current user. Checks begin at base, because the
// directories above it (/tmp is open to everybody) are somebody else's affair.
type owners struct {
	base         string
	unprivileged bool
	anybody      bool     // whoever owns it: a file that is looked at, not believed
	off          *defence // tests only
}

const maxLinks = 40 // as many as Linux follows in one path

// check walks from base down to path and refuses any component that somebody
// else could change or replace: they could put another file in its place. A
// symbolic link counts as its owner's word, so its target is walked too.
func (o owners) check(path string) error {
	path = filepath.Clean(path)
	if top := rootOf(path); !within(filepath.ToSlash(path), filepath.ToSlash(o.base)) && o.base != top {
		return o.from(top).check(path)
	}
	return o.walk(o.base, path, maxLinks)
}

func (o owners) walk(at, path string, links int) error {
	rest := strings.Split(strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(path, at)), "/"), "/")
	for {
		info, err := os.Lstat(at)
		if err != nil {
			return &Error{Reason: ErrIO, Path: at, Err: cause(err)}
		}
		if err := o.ok(at, info); err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return o.follow(at, rest, links)
		}
		if len(rest) == 0 || rest[0] == "" {
			return nil
		}
		at, rest = filepath.Join(at, rest[0]), rest[1:]
	}
}

func (o owners) follow(link string, rest []string, links int) error {
	if links == 0 {
		return refuse(ErrPermissions, link, "too many symbolic links", "remove some")
	}
	target, err := os.Readlink(link)
	if err != nil {
		return &Error{Reason: ErrIO, Path: link, Err: cause(err)}
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(link), target)
	}
	full := filepath.Join(append([]string{target}, rest...)...)
	if within(full, o.base) {
		return o.walk(o.base, full, links-1)
	}
	top := rootOf(full)
	return o.from(top).walk(top, full, links-1)
}

// rootOf is the directory above all others of path: /, or C:\ on Windows.
func rootOf(path string) string {
	return filepath.VolumeName(path) + string(filepath.Separator)
}

// from is the same check with another beginning.
func (o owners) from(base string) owners {
	o.base = base
	return o
}

// ok refuses a file or directory that others own or may write.
func (o owners) ok(path string, info fs.FileInfo) error {
	uid, known := ownerOf(info)
	if !known {
		return nil // this system has no owners of this kind
	}
	if o.anybody || o.off != nil && *o.off == defenceOwners {
		return nil
	}
	if uid != 0 && (!o.unprivileged || uid != os.Geteuid()) {
		return refuse(ErrPermissions, path, fmt.Sprintf("belongs to user %d", uid), o.remedy(path))
	}
	if info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o022 != 0 {
		return refuse(ErrPermissions, path, fmt.Sprintf("others may write it (mode %04o)", info.Mode().Perm()), "chmod go-w "+path)
	}
	return nil
}

func (o owners) remedy(path string) string {
	if o.unprivileged {
		return fmt.Sprintf("chown %d %s", os.Geteuid(), path)
	}
	return "chown root " + path
}
