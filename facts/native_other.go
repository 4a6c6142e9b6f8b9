//go:build !linux && !windows && !darwin

package facts

import "time"

func nativeCollectors(*Options) []collector { return []collector{portableUnix{}} }

var started = time.Now()

// sinceBoot counts from the start of the program: only differences are used.
func sinceBoot() time.Duration { return time.Since(started) + time.Nanosecond }
