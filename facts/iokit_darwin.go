package facts

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// macOS tells about input, power and disks through frameworks only. They are
// loaded as a C program would, without a C compiler and without starting
// ioreg or pmset: lull starts nothing but verified updaters. This file was
// never run on a Mac; the declarations are those of the frameworks' headers.

// frameworks are the functions that are used. References of Core Foundation
// and IOKit are uintptr; memory of Go goes in as unsafe.Pointer, which keeps it
// where it is during the call.
type frameworks struct {
	release          func(cf uintptr)
	typeOf           func(cf uintptr) uint64
	stringType       func() uint64
	numberType       func() uint64
	booleanType      func() uint64
	arrayType        func() uint64
	dictionaryType   func() uint64
	newString        func(allocator uintptr, text string, encoding uint32) uintptr
	stringLength     func(text uintptr) int64
	stringBytes      func(text uintptr, buffer unsafe.Pointer, size int64, encoding uint32) bool
	numberValue      func(number uintptr, kind int64, out unsafe.Pointer) bool
	booleanValue     func(boolean uintptr) bool
	arrayCount       func(array uintptr) int64
	arrayItem        func(array uintptr, index int64) uintptr
	dictionaryCount  func(dictionary uintptr) int64
	dictionaryValues func(dictionary uintptr, keys, values unsafe.Pointer)

	matchingClass   func(class string) uintptr
	matchingBSD     func(port, options uint32, name string) uintptr
	matchingService func(port uint32, matching uintptr) uint32 // takes matching over
	entryFromPath   func(port uint32, path string) uint32
	entryProperty   func(entry uint32, key, allocator uintptr, options uint32) uintptr
	searchProperty  func(entry uint32, plane string, key, allocator uintptr, options uint32) uintptr
	releaseObject   func(object uint32) int32
	powerInfo       func() uintptr
	powerList       func(info uintptr) uintptr
	powerSource     func(info, source uintptr) uintptr // belongs to info
	assertions      func(out unsafe.Pointer) int32

	class    func(name string) uintptr
	selector func(name string) uintptr
	send     func(object, selector uintptr) uintptr
	sendBool func(object, selector uintptr) bool
}

// loadFrameworks opens them once; they stay.
var loadFrameworks = sync.OnceValues(func() (*frameworks, error) {
	f := &frameworks{}
	err := errors.Join(
		openLibrary("/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation", map[string]any{
			"CFRelease": &f.release, "CFGetTypeID": &f.typeOf, "CFStringGetTypeID": &f.stringType, "CFNumberGetTypeID": &f.numberType,
			"CFBooleanGetTypeID": &f.booleanType, "CFArrayGetTypeID": &f.arrayType, "CFDictionaryGetTypeID": &f.dictionaryType,
			"CFStringCreateWithCString": &f.newString, "CFStringGetLength": &f.stringLength, "CFStringGetCString": &f.stringBytes,
			"CFNumberGetValue": &f.numberValue, "CFBooleanGetValue": &f.booleanValue, "CFArrayGetCount": &f.arrayCount,
			"CFArrayGetValueAtIndex": &f.arrayItem, "CFDictionaryGetCount": &f.dictionaryCount, "CFDictionaryGetKeysAndValues": &f.dictionaryValues,
		}),
		openLibrary("/System/Library/Frameworks/IOKit.framework/IOKit", map[string]any{
			"IOServiceMatching": &f.matchingClass, "IOBSDNameMatching": &f.matchingBSD, "IOServiceGetMatchingService": &f.matchingService,
			"IORegistryEntryFromPath": &f.entryFromPath, "IORegistryEntryCreateCFProperty": &f.entryProperty,
			"IORegistryEntrySearchCFProperty": &f.searchProperty, "IOObjectRelease": &f.releaseObject, "IOPSCopyPowerSourcesInfo": &f.powerInfo,
			"IOPSCopyPowerSourcesList": &f.powerList, "IOPSGetPowerSourceDescription": &f.powerSource, "IOPMCopyAssertionsStatus": &f.assertions,
		}),
		openLibrary("/usr/lib/libobjc.A.dylib", map[string]any{"objc_getClass": &f.class, "sel_registerName": &f.selector, "objc_msgSend": &f.send}),
		openLibrary("/usr/lib/libobjc.A.dylib", map[string]any{"objc_msgSend": &f.sendBool}),
		openLibrary("/System/Library/Frameworks/Foundation.framework/Foundation", nil), // for its classes
	)
	return f, err
})

// openLibrary loads a library and sets each function to the symbol of that name.
func openLibrary(path string, functions map[string]any) error {
	library, err := purego.Dlopen(path, purego.RTLD_LAZY|purego.RTLD_GLOBAL)
	if err != nil {
		return err
	}
	for name, function := range functions {
		symbol, err := purego.Dlsym(library, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		purego.RegisterFunc(function, symbol)
	}
	return nil
}

const utf8Encoding = 0x08000100 // kCFStringEncodingUTF8

// value copies a property into Go: string, int64, bool, []any or
// map[string]any; nil for other types and for nothing.
func (f *frameworks) value(cf uintptr) any {
	if cf == 0 {
		return nil
	}
	switch f.typeOf(cf) {
	case f.stringType():
		return f.text(cf)
	case f.numberType():
		const sint64 = 4
		var n int64
		if !f.numberValue(cf, sint64, unsafe.Pointer(&n)) {
			return nil
		}
		return n
	case f.booleanType():
		return f.booleanValue(cf)
	case f.arrayType():
		list := []any{}
		for i := range f.arrayCount(cf) {
			list = append(list, f.value(f.arrayItem(cf, i)))
		}
		return list
	case f.dictionaryType():
		return f.dictionary(cf)
	}
	return nil
}

func (f *frameworks) text(cf uintptr) string {
	buffer := make([]byte, 4*f.stringLength(cf)+1)
	if !f.stringBytes(cf, unsafe.Pointer(&buffer[0]), int64(len(buffer)), utf8Encoding) {
		return ""
	}
	for i, c := range buffer {
		if c == 0 {
			return string(buffer[:i])
		}
	}
	return ""
}

func (f *frameworks) dictionary(cf uintptr) map[string]any {
	n := f.dictionaryCount(cf)
	out := make(map[string]any, n)
	if n == 0 {
		return out
	}
	keys, values := make([]uintptr, n), make([]uintptr, n)
	f.dictionaryValues(cf, unsafe.Pointer(&keys[0]), unsafe.Pointer(&values[0]))
	for i, key := range keys {
		if name, ok := f.value(key).(string); ok {
			out[name] = f.value(values[i])
		}
	}
	return out
}

// owned is value of what belongs to the caller, who has no use for it after.
func (f *frameworks) owned(cf uintptr) any {
	if cf == 0 {
		return nil
	}
	defer f.release(cf)
	return f.value(cf)
}

// property reads a property of a registry entry and lets the entry go; above
// asks the entries above it, too.
func (f *frameworks) property(entry uint32, name string, above bool) any {
	if entry == 0 {
		return nil
	}
	defer f.releaseObject(entry)
	key := f.newString(0, name, utf8Encoding)
	if key == 0 {
		return nil
	}
	defer f.release(key)
	if above {
		const recursively, parents = 1, 2
		return f.owned(f.searchProperty(entry, "IOService", key, 0, recursively|parents))
	}
	return f.owned(f.entryProperty(entry, key, 0, 0))
}

// lowPowerMode asks NSProcessInfo; ok is false before macOS 12.
func (f *frameworks) lowPowerMode() (on, ok bool) {
	class := f.class("NSProcessInfo")
	if class == 0 {
		return false, false
	}
	info := f.send(class, f.selector("processInfo"))
	if info == 0 || !f.responds(info, "isLowPowerModeEnabled") {
		return false, false
	}
	return f.sendBool(info, f.selector("isLowPowerModeEnabled")), true
}

func (f *frameworks) responds(object uintptr, method string) bool {
	symbol, err := purego.Dlsym(purego.RTLD_DEFAULT, "class_respondsToSelector")
	if err != nil {
		return false
	}
	var responds func(class, selector uintptr) bool
	purego.RegisterFunc(&responds, symbol)
	return responds(f.send(object, f.selector("class")), f.selector(method))
}
