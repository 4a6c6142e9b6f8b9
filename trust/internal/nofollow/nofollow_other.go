//go:build !linux

package nofollow

import "os"

func (d *Dir) open(name string) (*os.File, error) { return d.openPortable(name, false) }

func (d *Dir) openDir(name string) (*os.File, error) { return d.openDirPortable(name) }
