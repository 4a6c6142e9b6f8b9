package execute

import (
	"fmt"
	"strings"
)

// checkEnv refuses additions that would change which code runs.
func checkEnv(env []string) error {
	for _, kv := range env {
		k, _, ok := strings.Cut(kv, "=")
		if !ok || k == "" || strings.ContainsRune(kv, 0) {
			return fmt.Errorf("the environment entry %q is not KEY=value", kv)
		}
		if strings.HasPrefix(k, "LD_") || strings.HasPrefix(k, "LULL_") || strings.HasPrefix(k, "PYTHON") || strings.HasPrefix(k, "DYLD_") {
			return fmt.Errorf("the environment entry %s may not be set: it changes which code runs", k)
		}
	}
	return nil
}
