package journal

import (
	"os"
	"strings"
)

// BootID is the kernel's identity of this boot, proc(5) random/boot_id; ""
// where the system has none.
func BootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
