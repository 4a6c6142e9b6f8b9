//go:build !linux && !windows && !darwin

package facts

func nativeCollectors() []collector { return nil }
