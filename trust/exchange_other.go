//go:build !linux

package trust

import "errors"

func exchange(a, b string) error { return errors.ErrUnsupported }

func readAhead(uintptr) {}
