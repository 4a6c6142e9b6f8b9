package control

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
)

// Group is the Unix group whose members may administer lull.
const Group = "lull"

// Peer is who is at the other end of a connection.
type Peer struct {
	Known bool // false: the system does not tell
	PID   int
	UID   int
}

// String names the peer for logs and the journal.
func (p Peer) String() string {
	if !p.Known {
		return "unknown"
	}
	return fmt.Sprintf("uid %d (process %d)", p.UID, p.PID)
}

// mayAdminister reports whether the peer is root, the daemon's own user or a
// member of group lull. A peer the system does not name may not.
func (p Peer) mayAdminister() bool {
	if !p.Known {
		return false
	}
	return p.UID == 0 || p.UID == os.Geteuid() || inGroup(p.UID)
}

func inGroup(uid int) bool {
	group, err := user.LookupGroup(Group)
	if err != nil {
		return false
	}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return false
	}
	ids, err := u.GroupIds()
	return err == nil && slices.Contains(ids, group.Gid)
}
