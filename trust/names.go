package trust

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
)

const apiVersion = "lull/v1"

// Kinds are the actions an updater may have, as in input.action.kind.
var Kinds = []string{"scan", "download", "install", "complete", "uninstall", "prereboot", "restart"}

var (
	vendorName = regexp.MustCompile(`\A[a-z0-9][a-z0-9-]{0,62}\z`)
	updaterID  = regexp.MustCompile(`\A[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62}){1,7}\z`)
	updateID   = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9._+-]{0,127}\z`)
	shortName  = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9._-]{0,62}\z`)
)

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

// reservedNames are device names on Windows, whatever follows their dot.
var reservedNames = regexp.MustCompile(`(?i)\A(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\z`)

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
	case reservedNames.MatchString(part):
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
