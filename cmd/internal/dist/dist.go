// Package dist holds what a package of lull installs beside the program:
// systemd units for the daemon and for each user's agent, the group that may
// command the daemon, and the administrator's empty directories. The directories
// here are named as those below /usr/lib that their files belong in.
package dist

import (
	"embed"
	"io/fs"
)

// Files are systemd/system, systemd/user, sysusers.d and tmpfiles.d.
//
//go:embed systemd sysusers.d tmpfiles.d
var Files embed.FS

// Units returns the text of every systemd unit by its path in [Files].
func Units() map[string]string {
	units := map[string]string{}
	err := fs.WalkDir(Files, "systemd", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := Files.ReadFile(path)
		units[path] = string(data)
		return err
	})
	if err != nil {
		panic(err) // the files are part of this binary
	}
	return units
}
