package facts

import (
	"errors"

	"golang.org/x/sys/unix"
)

func asErrno(err error, target *unix.Errno) bool { return errors.As(err, target) }
