//go:build !linux

package execute

// Work names what an attempt consists of; nothing is known of it here.
func (p *Process) Work() (cgroup string, pids []int) { return "", nil }
