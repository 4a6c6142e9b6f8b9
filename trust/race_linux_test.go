package trust

import (
	"os"
	"path/filepath"
	"syscall"
)

// Only root can mount. Where even root may not, the race says so and skips.
func init() {
	attacks["mounting over"] = func(dir string, _, _ []byte, n int) {
		victim := filepath.Join(dir, "victim")
		if n%2 == 0 {
			syscall.Mount(filepath.Join(filepath.Dir(dir), "evil"), victim, "", syscall.MS_BIND, "")
		} else {
			unmountAll(victim)
		}
	}
}

// unmountAll takes away every mount on top of a file.
func unmountAll(path string) {
	for syscall.Unmount(path, syscall.MNT_DETACH) == nil {
	}
}

// canMount tells why a file cannot be mounted over here, "" when it can.
func canMount(dir string) string {
	from, to := filepath.Join(dir, "mount-from"), filepath.Join(dir, "mount-to")
	os.WriteFile(from, nil, 0o600)
	os.WriteFile(to, nil, 0o600)
	defer unmountAll(to)
	if err := syscall.Mount(from, to, "", syscall.MS_BIND, ""); err != nil {
		return "mount: " + err.Error()
	}
	return ""
}
