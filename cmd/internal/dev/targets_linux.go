package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// starts is how often a start is repeated; the median is the figure.
const starts = 31

// firstDecision starts the shipped binary on one input document, cold of
// process but warm of cache, as a script that asks for one decision does.
func firstDecision(ctx context.Context) (map[string]figure, error) {
	lull, remove, err := buildLull(ctx)
	if err != nil {
		return nil, err
	}
	defer remove()
	input := filepath.Join(filepath.Dir(lull), "input.json")
	if err := os.WriteFile(input, sampleInput, 0o600); err != nil {
		return nil, err
	}
	ours, err := medianStart(ctx, lull, "decide", "--input", input, "-o", "json")
	if err != nil {
		return nil, err
	}
	f := figure{Value: ours}
	if theirs, err := medianStart(ctx, "opa", "eval", "-d", "policies", "-i", input, "data.eligibility.decision"); err == nil {
		f.Peer = fmt.Sprintf("opa eval: %.4g", theirs)
	}
	return map[string]figure{"start.first_decision_ms": f}, nil
}

// medianStart is the median time in milliseconds from the start of a process until
// its answer, one JSON document, is there.
func medianStart(ctx context.Context, name string, args ...string) (float64, error) {
	var took []float64
	for range starts {
		c := command(ctx, name, args...)
		out, err := c.StdoutPipe()
		if err != nil {
			return 0, err
		}
		began := time.Now()
		if err := c.Start(); err != nil {
			return 0, err
		}
		var answer any
		err = json.NewDecoder(out).Decode(&answer)
		took = append(took, float64(time.Since(began).Microseconds())/1e3)
		if err := errors.Join(err, c.Wait()); err != nil {
			return 0, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
		}
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// A cost is what one child process took.
type cost struct {
	cpu   time.Duration
	rssMB float64 // peak
	read  int64   // bytes asked of read(2) and its kin
}

// spend runs a command and gives its cost. The child is looked at after its
// end and before it is reaped, while /proc still has its counters.
func spend(ctx context.Context, name string, args ...string) (cost, error) {
	var talk bytes.Buffer
	c := command(ctx, name, args...)
	c.Stdout, c.Stderr = &talk, &talk
	if err := c.Start(); err != nil {
		return cost{}, err
	}
	read, readErr := readBytes(c)
	if err := c.Wait(); err != nil {
		return cost{}, fmt.Errorf("%s: %w\n%s", name, err, talk.Bytes())
	}
	usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return cost{}, errors.New("the system does not account processes")
	}
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	return cost{cpu, float64(usage.Maxrss) / 1024, read}, readErr
}

func readBytes(c *exec.Cmd) (int64, error) {
	for {
		err := unix.Waitid(unix.P_PID, c.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("waiting for %s: %w", c.Path, err)
		}
		return procField(c.Process.Pid, "io", "rchar:")
	}
}

// procField reads one number of /proc/PID/FILE, in the unit it is written in.
func procField(pid int, file, key string) (int64, error) {
	return fieldOf(filepath.Join("/proc", strconv.Itoa(pid), file), key)
}

func fieldOf(path, key string) (int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for _, line := range lines(data) {
		fields := bytes.Fields([]byte(line))
		if len(fields) > 1 && string(fields[0]) == key {
			return strconv.ParseInt(string(fields[1]), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, key)
}
