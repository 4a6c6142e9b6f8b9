package execute

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A job object holds the tree: nothing leaves it, it bounds memory and processes,
// and the kernel ends it with the daemon (KILL_ON_JOB_CLOSE).

var layersHere = []string{"job"}

const memoryHere = "enforced"

func systemEnv() []string {
	return []string{"SystemRoot=" + os.Getenv("SystemRoot"), "TEMP=" + os.TempDir()}
}

func signalOf(*os.ProcessState) string { return "" }

type job struct {
	handle windows.Handle
	cmd    *exec.Cmd
	spec   Spec
	gone   chan struct{}
}

// startTree starts the program suspended, so that it can do nothing before it is
// in its job.
func startTree(cmd *exec.Cmd, s Spec) (*job, error) {
	h, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, err
	}
	j := &job{handle: h, cmd: cmd, spec: s, gone: make(chan struct{})}
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED | windows.CREATE_NO_WINDOW}
	if err := j.limit(s.CPU); err != nil {
		return nil, errors.Join(err, windows.CloseHandle(h))
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, windows.CloseHandle(h))
	}
	if err := j.enter(); err != nil {
		return nil, errors.Join(err, cmd.Process.Kill(), windows.CloseHandle(h))
	}
	return j, nil
}

// limit sets all limits at once: setting some takes the others away.
func (j *job) limit(cpu Impact) error {
	s := j.spec
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | windows.JOB_OBJECT_LIMIT_JOB_MEMORY |
		windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS | windows.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION | windows.JOB_OBJECT_LIMIT_PRIORITY_CLASS
	info.BasicLimitInformation.PriorityClass = windows.NORMAL_PRIORITY_CLASS
	if cpu == Idle {
		info.BasicLimitInformation.PriorityClass = windows.IDLE_PRIORITY_CLASS
	}
	info.BasicLimitInformation.ActiveProcessLimit = uint32(s.Tasks)
	info.JobMemoryLimit = uintptr(s.MemoryBytes)
	_, err := windows.SetInformationJobObject(j.handle, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	return err
}

// enter puts the suspended process into the job and lets its threads go.
func (j *job) enter() error {
	pid := uint32(j.cmd.Process.Pid)
	p, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, pid)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(p)
	if err := windows.AssignProcessToJobObject(j.handle, p); err != nil {
		return err
	}
	return eachThread(pid, func(h windows.Handle) error { _, err := windows.ResumeThread(h); return err })
}

func eachThread(pid uint32, do func(windows.Handle) error) error {
	snap, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(snap)
	e := windows.ThreadEntry32{Size: uint32(unsafe.Sizeof(windows.ThreadEntry32{}))}
	for err = windows.Thread32First(snap, &e); err == nil; err = windows.Thread32Next(snap, &e) {
		if e.OwnerProcessID != pid {
			continue
		}
		h, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, e.ThreadID)
		if err != nil {
			return err
		}
		err = do(h)
		_ = windows.CloseHandle(h)
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *job) wait() ending {
	_ = j.cmd.Wait()
	close(j.gone)
	return endOf(j.cmd.ProcessState)
}

// freeze would need an undocumented call for whole processes; saying so lets the
// runner throttle instead.
func (j *job) freeze() error { return errors.New("a job cannot be frozen on Windows; throttle it") }

func (j *job) thaw() error { return nil }

func (j *job) ask() {}

func (j *job) kill() error {
	err := windows.TerminateJobObject(j.handle, 1)
	<-j.gone
	return err
}

// throttle sets the priority class of the job; Windows lowers I/O with it.
func (j *job) throttle(cpu, _ Impact) error { return j.limit(cpu) }

func (j *job) blocks() bool { return false }

func (j *job) resident() int64 { return 0 }

// usage is of the main process; it also gives the job back.
func (j *job) usage(r *Result) {
	st := j.cmd.ProcessState
	r.CPUSeconds = (st.UserTime() + st.SystemTime()).Seconds()
	_ = windows.CloseHandle(j.handle)
}
