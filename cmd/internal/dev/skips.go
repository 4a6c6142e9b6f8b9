package main

import (
	"strings"

	"github.com/lullhq/lull/cmd/internal/dev/arch"
)

// An allowedSkip is a test that may skip in CI, and why.
type allowedSkip struct {
	Room string // directory of the package
	Test string // name of the test; its subtests are meant too
	Why  string
}

// allowedSkips is short on purpose: each line is something that CI does not check.
var allowedSkips = []allowedSkip{
	{"runner/config", "TestAnUnwritableStateDirectoryIsRefusedWithARemedy",
		"needs an ordinary user, and CI is root, who may write everywhere; root's counterpart, a read-only file system, is tested beside it"},
	{"facts", "TestARealMappingIsFollowedToTheDisksBelow", "needs a kernel with device mapper; a fake machine has mappings, too"},
	{"facts", "TestASetClockIsTold", "needs CAP_SYS_TIME, which containers do not have"},
}

// allowed gives the reason on record for a skip, or "".
func allowed(s skip, short bool) string {
	if short && strings.Contains(s.Why, "short") {
		return "run in full by the test stage"
	}
	for _, a := range allowedSkips {
		if s.Package == arch.Module+"/"+a.Room && (s.Test == a.Test || strings.HasPrefix(s.Test, a.Test+"/")) {
			return a.Why
		}
	}
	return ""
}
