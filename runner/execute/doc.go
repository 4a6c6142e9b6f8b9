// Package execute runs updater programs: confined, gently, and so that their end is
// known even when the daemon did not live to see it.
//
// # Who may be started
//
// [Spec] takes a *trust.Verified and nothing else, so that a path nobody vouched for
// does not type-check as something that can run. Start asks it once more, as the very
// last thing before the execution, whether it is still valid.
//
// # Processes
//
//	daemon ──fork──▶ supervisor (lull __stage supervise ID) ──fork──▶ launcher ──execve──▶ program
//	   ◀── unix socket RunDir/ID/control.sock ──▶   │  pid 1 of a pid namespace, where there is one
//	                                                └─ RunDir/ID: lock, begun, exit.json, supervisor.log
//
// The supervisor lives on when the daemon is killed, in a session of its own. It holds
// the lock as long as it lives, writes "begun" (fsync) when the launcher stands
// confined and the daemon has said its last word, and the [Result] into exit.json
// (fsync, rename) when no process of the tree is left. When the daemon dies it ends
// work that can be repeated, and thaws and finishes work that cannot. [Executor.Adopt]
// reads lock and files and answers: running, ended, never began, may have run. A unit
// file must therefore say KillMode=process.
//
// The supervisor is the subreaper or the init of everything below it: a child that
// forks twice into a session of its own and ignores SIGTERM is still its child.
//
// # Layers
//
// The launcher confines itself, one layer after the other, and says which are in force.
// A machine that lacks one still starts programs; the policy reads input.sandbox.layers,
// and [Spec.Require] refuses a start with less than what was decided on.
//
//	mount         / read-only; declared directories writable, mounted from descriptors that were
//	              opened without following a link; /run, /tmp, /home, /root, /boot… covered; own /dev, /proc.
//	              Where the file system can map owners, root's files there are the program's inside.
//	pid           a namespace of its own: nothing leaves the tree, nothing outside can be signalled
//	net           no network, for actions that did not declare it (otherwise the host's, with its
//	              loopback services and its LAN)
//	landlock      every right that the kernel knows; the effective ABI is in the result
//	seccomp       foreign architectures end the program; kernel modules, mounts, namespaces, tracing,
//	              clocks, raw devices, io_uring and set-id modes are refused; without the network
//	              every socket but unix ones
//	uid           a stable user id per updater, never given to another (as root)
//	capabilities  none;  no_new_privs: none by execve either
//	cgroup        version 2, wherever it is mounted: freeze, kill, accounts, and limits by its controllers
//	rlimits       data, processes, locked memory, no core;  priority: SCHED_IDLE, nice 19, I/O idle;  oom: dies first
//
// An ordinary user gets the namespaces through a user namespace where those are allowed,
// else Landlock, seccomp, rlimits and the tree. What Landlock alone cannot refuse is a
// change of mode or owner of files that belong to that same user.
//
// Memory is "enforced" by a controller, "weak" when rlimits bound each process and the
// supervisor watches the total once a second, "none" elsewhere.
//
// # What the program sees
//
// CONTRACTS section 5: its package as working directory, the environment made by
// environment and nothing of the caller's, the channel as descriptor LULL_FD.
// Limits: lines of 64 KiB, 10 a second (50 at once), output as the Spec allows; what
// exceeds them is a failure and never a hang. Its running time does not pass while
// it is frozen or the machine sleeps. A frozen program that holds a file lock for
// which somebody else waits is thawed within a second or two.
//
// # Other platforms
//
// On Windows a job object holds the tree, bounds it, and ends it with the daemon; it
// cannot be frozen, which Freeze says. On macOS and the BSDs it is a process group,
// which a program can leave: the only layer reported is "group". Neither has the
// channel or a supervisor of its own.
package execute
