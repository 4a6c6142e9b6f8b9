package trust

import (
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/mod/semver"
)

const apiVersion = "lull/v1"

// Kinds are the actions an updater may have, as in input.action.kind.
var Kinds = []string{"scan", "download", "install", "complete", "uninstall", "prereboot", "restart"}

const (
	lower = "abcdefghijklmnopqrstuvwxyz0123456789"
	alnum = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

var (
	vendorName = form{first: lower, more: lower + "-", most: 63}
	updaterID  = form{first: lower, more: lower + "-", most: 63, labels: [2]int{2, 8}}
	updateID   = form{first: alnum, more: alnum + "._+-", most: 128}
	shortName  = form{first: alnum, more: alnum + "._-", most: 63}
)

// A form is what names look like: a first character, more of them up to most in
// all, and where labels is set so many of these with dots between. Regular
// expressions would say the same and keep half a megabyte for it.
type form struct {
	first, more string
	most        int
	labels      [2]int
}

func (f form) matches(s string) bool {
	if f.labels == [2]int{} {
		return f.label(s)
	}
	n := 0
	for label := range strings.SplitSeq(s, ".") {
		if n++; !f.label(label) {
			return false
		}
	}
	return n >= f.labels[0] && n <= f.labels[1]
}

func (f form) label(s string) bool {
	if s == "" || len(s) > f.most || strings.IndexByte(f.first, s[0]) < 0 {
		return false
	}
	for i := range len(s) {
		if strings.IndexByte(f.more, s[i]) < 0 {
			return false
		}
	}
	return true
}

// validDigest tells whether s is a SHA-256 in 64 lower-case hex digits.
func validDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == strings.ToLower(s)
}

// validVersion tells whether s is a full SemVer 2.0.0 version, as "3.1.0" or
// "3.1.0-rc.1+build5".
func validVersion(s string) bool {
	core, _, _ := strings.Cut(s, "+")
	core, _, _ = strings.Cut(core, "-")
	return len(s) <= 128 && strings.Count(core, ".") == 2 && semver.IsValid("v"+s)
}

// older tells whether version a comes before b by SemVer precedence.
func older(a, b string) bool { return semver.Compare("v"+a, "v"+b) < 0 }

// Line returns the product line of an update: its id without a trailing
// version. "reader-12.4" with version 12.4.0 belongs to the line "reader", and
// so does "reader-12.3", which can therefore no longer replace it. An id
// without a version is a line of its own.
func (d *UpdateDocument) Line() string {
	i := strings.LastIndexByte(d.ID, '-')
	if i <= 0 {
		return d.ID
	}
	tail := strings.TrimPrefix(d.ID[i+1:], "v")
	if tail != "" && tail[0] >= '0' && tail[0] <= '9' {
		return d.ID[:i]
	}
	return d.ID
}

// deviceName tells whether part names a device on Windows, whatever follows its
// first dot.
func deviceName(part string) bool {
	name, _, _ := strings.Cut(strings.ToLower(part), ".")
	switch name {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(name) == 4 && (name[:3] == "com" || name[:3] == "lpt") && name[3] >= '0' && name[3] <= '9'
}

// badPath says why a payload path is refused, "" when it is fine. Paths are
// relative, slash-separated, clean, and mean the same on every system.
func badPath(path string) string {
	if why := badText(path, 1024); why != "" {
		return why
	}
	if strings.ContainsAny(path, `\:*?"<>|`) {
		return `contains one of \ : * ? " < > |`
	}
	if strings.HasPrefix(path, "/") {
		return "is absolute"
	}
	for part := range strings.SplitSeq(path, "/") {
		if why := badPart(part); why != "" {
			return why
		}
	}
	if strings.Count(path, "/") > 31 {
		return "is deeper than 32 directories"
	}
	return ""
}

func badPart(part string) string {
	switch {
	case part == "":
		return "has an empty component"
	case part == "." || part == "..":
		return "leaves or names its directory (. or ..)"
	case len(part) > 255:
		return "has a component longer than 255 bytes"
	case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") || strings.HasPrefix(part, " "):
		return "has a component that begins or ends with a space, or ends with a dot"
	case deviceName(part):
		return fmt.Sprintf("%q is a device on Windows", part)
	}
	return ""
}

// collision finds two paths that are one on a file system that folds case, or
// of which one would have to be both a file and a directory.
func collision(paths []string) (a, b string, found bool) {
	seen := map[string]string{}
	for _, p := range paths {
		key := strings.ToLower(p)
		if old, dup := seen[key]; dup {
			return old, p, true
		}
		seen[key] = p
	}
	for _, p := range paths {
		for i := range len(p) {
			if p[i] != '/' {
				continue
			}
			if old, dup := seen[strings.ToLower(p[:i])]; dup {
				return old, p, true
			}
		}
	}
	return "", "", false
}
