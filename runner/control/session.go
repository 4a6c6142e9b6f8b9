package control

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// activeSession reports whether the user has a session that logind calls
// active and that is on a seat of this machine, not remote. It reads the files
// that libsystemd's sd_uid_get_sessions(3) and sd_session_is_active(3) read;
// without logind there are none, and nobody is at the machine.
func activeSession(run string, uid int) bool {
	user := readEnv(filepath.Join(run, "users", strconv.Itoa(uid)))
	for _, id := range strings.Fields(user["ACTIVE_SESSIONS"]) {
		if id != filepath.Base(id) {
			continue
		}
		s := readEnv(filepath.Join(run, "sessions", id))
		if s["UID"] == strconv.Itoa(uid) && s["ACTIVE"] == "1" && s["REMOTE"] == "0" && s["SEAT"] != "" {
			return true
		}
	}
	return false
}

// readEnv reads a file of NAME=value lines, nil when it cannot be read.
func readEnv(path string) map[string]string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	vars := map[string]string{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if name, value, ok := strings.Cut(sc.Text(), "="); ok {
			vars[name] = strings.Trim(value, `"`)
		}
	}
	return vars
}
