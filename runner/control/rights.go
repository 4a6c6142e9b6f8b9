package control

import (
	"fmt"
	"net/http"
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
	PID   int  // 0: not told
	UID   int
}

// String names the peer for logs and the journal.
func (p Peer) String() string {
	switch {
	case !p.Known:
		return "unknown"
	case p.PID == 0:
		return fmt.Sprintf("uid %d", p.UID)
	}
	return fmt.Sprintf("uid %d (process %d)", p.UID, p.PID)
}

// rights decides who may do what, CONTRACTS section 6.
type rights struct {
	activeSession func(uid int) bool
}

// mayAdminister reports whether the peer is root, the daemon's own user or a
// member of group lull. A peer that the system does not name may not.
func (rights) mayAdminister(p Peer) bool {
	if !p.Known {
		return false
	}
	return p.UID == 0 || p.UID == os.Geteuid() || inGroup(p.UID)
}

// administer refuses all who may not administer lull.
func (rt rights) administer(r *http.Request) *Error {
	if rt.mayAdminister(peer(r)) {
		return nil
	}
	return &Error{Code: CodeForbidden, Message: "only root and the members of group lull may do this",
		Hint: "use sudo, or ask an administrator to add you to group lull"}
}

// ask lets the user at the machine do what postpones or hurries an update,
// besides those who administer lull.
func (rt rights) ask(r *http.Request) *Error {
	p := peer(r)
	if p.Known && slices.Contains(sessionVerbs, r.PathValue("verb")) && rt.activeSession(p.UID) {
		return nil
	}
	return rt.administer(r)
}

// inGroup looks the membership up anew each time: an administrator who is
// taken out of the group is out at once, also with an old session.
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
