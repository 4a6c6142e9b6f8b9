package facts

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// windowsNetwork asks the Network List Manager, a COM service.
type windowsNetwork struct{ manager question[nlmAnswer] }

// nlmAnswer is what one look found.
type nlmAnswer struct {
	connectivity, cost       uint32
	connectivityErr, costErr error
}

var fromNLM = &origin{"Network List Manager", good}

func (*windowsNetwork) facts() []fact { return []fact{online, unmetered} }

func (n *windowsNetwork) collect(ctx context.Context, b *batch) {
	s, err := n.manager.ask(ctx, askNetwork)
	if err != nil {
		b.unknownAll("the Network List Manager: "+err.Error(), online, unmetered)
		return
	}
	s.store(b)
}

func (s nlmAnswer) store(b *batch) {
	if s.connectivityErr != nil {
		b.unknown(online, s.connectivityErr.Error())
	} else {
		b.bool(online, internetReached(s.connectivity), fromNLM)
	}
	if s.costErr != nil {
		b.unknown(unmetered, s.costErr.Error())
		return
	}
	if free, why := unmeteredCost(s.cost); why != "" {
		b.unknown(unmetered, why)
	} else {
		b.bool(unmetered, free, fromNLM)
	}
}

func (*windowsNetwork) close() error { return nil }

var (
	ole32            = windows.NewLazySystemDLL("ole32.dll")
	coCreateInstance = ole32.NewProc("CoCreateInstance")

	// netlistmgr.h
	clsidNetworkListManager = windows.GUID{Data1: 0xdcb00c01, Data2: 0x570f, Data3: 0x4a9b, Data4: [8]byte{0x8d, 0x69, 0x19, 0x9f, 0xdb, 0xa5, 0x72, 0x3b}}
	iidNetworkListManager   = windows.GUID{Data1: 0xdcb00000, Data2: 0x570f, Data3: 0x4a9b, Data4: [8]byte{0x8d, 0x69, 0x19, 0x9f, 0xdb, 0xa5, 0x72, 0x3b}}
	iidNetworkCostManager   = windows.GUID{Data1: 0xdcb00008, Data2: 0x570f, Data3: 0x4a9b, Data4: [8]byte{0x8d, 0x69, 0x19, 0x9f, 0xdb, 0xa5, 0x72, 0x3b}}

	errNoNetworkListManager = errors.New("no Network List Manager")
)

const (
	methodRelease         = 2  // of IUnknown
	methodGetCost         = 3  // of INetworkCostManager: (DWORD *cost, NLM_SOCKADDR *to)
	methodGetConnectivity = 13 // of INetworkListManager, after IDispatch: (NLM_CONNECTIVITY *)
	coInitMultithreaded   = 0
	clsctxAll             = 0x17
)

// askNetwork makes a COM apartment for one look.
func askNetwork() nlmAnswer {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// S_FALSE: the thread has one already; it is counted, too.
	if err := windows.CoInitializeEx(0, coInitMultithreaded); err != nil && !errors.Is(err, windows.Errno(1)) {
		return nlmAnswer{connectivityErr: err, costErr: err}
	}
	defer windows.CoUninitialize()
	var s nlmAnswer
	s.connectivityErr = askCOM(&iidNetworkListManager, methodGetConnectivity, &s.connectivity)
	s.costErr = askCOM(&iidNetworkCostManager, methodGetCost, &s.cost)
	return s
}

// askCOM makes the Network List Manager's interface and calls one of its
// methods, whose first result is a number. A second argument, where there is
// one, is 0: the machine's connection as a whole.
func askCOM(iid *windows.GUID, method int, out *uint32) error {
	if err := coCreateInstance.Find(); err != nil {
		return err
	}
	var object *struct{ methods *[32]uintptr }
	hr, _, _ := coCreateInstance.Call(uintptr(unsafe.Pointer(&clsidNetworkListManager)), 0, clsctxAll,
		uintptr(unsafe.Pointer(iid)), uintptr(unsafe.Pointer(&object)))
	if int32(hr) < 0 || object == nil {
		return fmt.Errorf("%w: %#x", errNoNetworkListManager, uint32(hr))
	}
	defer func() { _, _, _ = syscall.SyscallN(object.methods[methodRelease], uintptr(unsafe.Pointer(object))) }()
	if hr, _, _ := syscall.SyscallN(object.methods[method], uintptr(unsafe.Pointer(object)), uintptr(unsafe.Pointer(out)), 0); int32(hr) < 0 {
		return fmt.Errorf("the Network List Manager says %#x", uint32(hr))
	}
	return nil
}
