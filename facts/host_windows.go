package facts

import (
	"context"
	"errors"
	"io/fs"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// windowsHost looks into the registry, and at the clocks that sleep parts.
type windowsHost struct{ resume *resumeWatch }

var (
	fromRegistry = &origin{"registry", good}
	fromMSI      = &origin{"Windows Installer", good}
)

func (windowsHost) facts() []fact {
	return []fact{uptimeSeconds, sinceResume, rebootPending, virtual, packagesLocked}
}

func (h windowsHost) collect(_ context.Context, b *batch) {
	b.seconds(uptimeSeconds, b.now.boot, &origin{"GetTickCount64", good})
	if b.wants(sinceResume) {
		h.resume.store(b)
	}
	if b.wants(rebootPending) {
		storeRegistry(b, rebootPending, pendingReboot)
	}
	if b.wants(virtual) {
		storeRegistry(b, virtual, isVirtual)
	}
	if b.wants(packagesLocked) {
		collectInstaller(b)
	}
}

func storeRegistry(b *batch, f fact, ask func() (bool, error)) {
	v, err := ask()
	if err != nil {
		b.unknown(f, "registry: "+err.Error())
		return
	}
	b.bool(f, v, fromRegistry)
}

// rebootKeys exist while Windows Update or the servicing of Windows' own
// components waits for a reboot.
var rebootKeys = []string{
	`SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired`,
	`SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending`,
}

// pendingReboot also looks for files that installers could not replace while
// they were in use.
func pendingReboot() (bool, error) {
	for _, path := range rebootKeys {
		key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
		if err == nil {
			key.Close()
			return true, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	data, err := registryValue(`SYSTEM\CurrentControlSet\Control\Session Manager`, "PendingFileRenameOperations")
	return pendingRenames(data), err
}

// isVirtual goes by the firmware: the processor's hypervisor flag is set on
// real machines, too, whose Windows isolates its kernel.
func isVirtual() (bool, error) {
	const path = `HARDWARE\DESCRIPTION\System\BIOS`
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
	if err != nil {
		return false, err
	}
	defer key.Close()
	maker, _, err1 := key.GetStringValue("SystemManufacturer")
	product, _, err2 := key.GetStringValue("SystemProductName")
	if err1 != nil && err2 != nil || maker+product == "" {
		return false, errors.New("the firmware does not name the machine")
	}
	return virtualFirmware(maker + " " + product), nil
}

// registryValue reads a value as it is, nil when there is none.
func registryValue(path, name string) ([]byte, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	n, _, err := key.GetValue(name, nil)
	if err == nil {
		data := make([]byte, n)
		if n, _, err = key.GetValue(name, data); err == nil {
			return data[:n], nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return nil, err
}

// collectInstaller looks whether Windows Installer's mutex exists; it is never
// taken or made. The installer keeps it for a while after it is done.
func collectInstaller(b *batch) {
	name, err := windows.UTF16PtrFromString(`Global\_MSIExecute`)
	if err != nil {
		b.unknown(packagesLocked, err.Error())
		return
	}
	h, err := windows.OpenMutex(windows.SYNCHRONIZE, false, name)
	switch {
	case err == nil:
		_ = windows.CloseHandle(h)
		b.bool(packagesLocked, true, fromMSI)
	case errors.Is(err, windows.ERROR_ACCESS_DENIED): // it is there
		b.bool(packagesLocked, true, fromMSI)
	case errors.Is(err, windows.ERROR_FILE_NOT_FOUND):
		b.bool(packagesLocked, false, fromMSI)
	default:
		b.unknown(packagesLocked, "the installer's mutex: "+err.Error())
	}
}

func (windowsHost) close() error { return nil }
