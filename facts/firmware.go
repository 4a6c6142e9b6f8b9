package facts

import "strings"

// hypervisorNames are what the firmware of virtual machines calls itself.
var hypervisorNames = []string{"QEMU", "KVM", "VMware", "VirtualBox", "Xen", "Virtual Machine", "Bochs", "Parallels", "Amazon EC2", "Google Compute"}

// virtualFirmware reports whether a maker and a product, as SMBIOS names them,
// are those of a virtual machine.
func virtualFirmware(names string) bool {
	for _, name := range hypervisorNames {
		if strings.Contains(names, name) {
			return true
		}
	}
	return false
}

// chassisName sorts the chassis types of the SMBIOS specification, table 17.
func chassisName(kind int) string {
	switch kind {
	case 3, 4, 5, 6, 7, 13, 15, 16, 24, 35:
		return "desktop"
	case 8, 9, 10, 14, 31:
		return "laptop"
	case 11, 30, 32:
		return "tablet"
	case 17, 23, 25, 28, 29:
		return "server"
	case 33, 34, 36:
		return "embedded"
	}
	return "other"
}
