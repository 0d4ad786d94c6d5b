package main

import (
	"syscall"
	"unsafe"
)

// ioctl hands a number to a driver.
func ioctl(fd, request uintptr, flag *uint32) syscall.Errno {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(flag)))
	return errno
}
