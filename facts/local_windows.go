package facts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

const openNonblock = 0

// ownedByAdmin accepts files of the system, of administrators and of whoever
// runs lull, which nobody else may change. Windows lets every user make files
// in many places that only administrators are thought to write.
func ownedByAdmin(f *os.File, _ fs.FileInfo) error {
	sd, err := windows.GetSecurityInfo(windows.Handle(f.Fd()), windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("has no access list that can be read: %w", err)
	}
	trusted, err := administrators()
	if err != nil {
		return err
	}
	if owner, _, err := sd.Owner(); err != nil || !trusted.has(owner) {
		return errors.New("does not belong to the administrators; give it to them")
	}
	list, _, err := sd.DACL()
	if err != nil || list == nil {
		return errors.New("has no access list, so anybody may change it; let only administrators write it")
	}
	for i := range uint32(list.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &ace); err != nil {
			return err
		}
		if mayChange(ace.Header.AceType, ace.Header.AceFlags, uint32(ace.Mask)) && !trusted.has((*windows.SID)(unsafe.Pointer(&ace.SidStart))) {
			return errors.New("may be changed by others; let only administrators write it")
		}
	}
	return nil
}

type sids []*windows.SID

func (s sids) has(id *windows.SID) bool {
	for _, t := range s {
		if id != nil && t.Equals(id) {
			return true
		}
	}
	return false
}

// administrators are those whose word about this machine counts; the rights of
// "the owner" are those of one of them, as the owner was looked at.
func administrators() (sids, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	all := sids{user.User.Sid}
	for _, kind := range []windows.WELL_KNOWN_SID_TYPE{windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid, windows.WinCreatorOwnerRightsSid} {
		id, err := windows.CreateWellKnownSid(kind)
		if err != nil {
			return nil, err
		}
		all = append(all, id)
	}
	return all, nil
}
