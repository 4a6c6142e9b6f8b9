package execute

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// channelFD is the descriptor of the NDJSON channel in the program: LULL_FD.
const channelFD = 3

// path is the PATH of every program; nothing of the caller's is in it.
const path = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

// places are the directories a program is told of, as it sees them.
type places struct {
	Package, Artifacts, State, Stage, Home, Tmp string
}

// environment is everything the program finds in its environment (CONTRACTS section 5).
func environment(s Spec, p places, channel bool) []string {
	env := []string{
		"PATH=" + path, "HOME=" + p.Home, "TMPDIR=" + p.Tmp, "LANG=" + s.Lang,
		"LULL_ACTION=" + s.Action, "LULL_UPDATE=" + s.Update, "LULL_ATTEMPT=" + strconv.Itoa(s.Attempt),
		"LULL_PACKAGE_DIR=" + p.Package, "LULL_STATE_DIR=" + p.State, "LULL_STAGE_DIR=" + p.Stage,
	}
	if p.Artifacts != "" {
		env = append(env, "LULL_ARTIFACT_DIR="+p.Artifacts)
	}
	if channel {
		env = append(env, "LULL_FD="+strconv.Itoa(channelFD))
	}
	return append(env, s.Env...)
}

// codeVars begin the names of variables that change which code runs.
var codeVars = []string{"LD_", "DYLD_", "PYTHON", "PERL", "RUBY", "NODE_OPTIONS", "BASH_ENV", "ENV=", "GCONV_PATH", "JAVA_TOOL_OPTIONS", "IFS="}

// fixedVars are set by environment and by nobody else.
var fixedVars = []string{"PATH", "HOME", "TMPDIR", "LANG", "LULL_ACTION", "LULL_UPDATE", "LULL_ATTEMPT", "LULL_PACKAGE_DIR",
	"LULL_STATE_DIR", "LULL_STAGE_DIR", "LULL_ARTIFACT_DIR", "LULL_FD"}

// checkEnv refuses additions that would change which code runs.
func checkEnv(env []string) error {
	for _, kv := range env {
		k, _, ok := strings.Cut(kv, "=")
		if !ok || k == "" || strings.ContainsRune(kv, 0) {
			return fmt.Errorf("the environment entry %q is not KEY=value", kv)
		}
		if slices.Contains(fixedVars, k) {
			return fmt.Errorf("the environment entry %s may not be set: lull sets it itself", k)
		}
		for _, bad := range codeVars {
			if strings.HasPrefix(kv, bad) {
				return fmt.Errorf("the environment entry %s may not be set: it changes which code runs", k)
			}
		}
	}
	return nil
}
