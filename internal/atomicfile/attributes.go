package atomicfile

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// aclName is the extended attribute that holds a POSIX ACL.
const aclName = "system.posix_acl_access"

// notCopied lists attributes tied to the content of one inode or to its
// privileges, like the setuid bit.
var notCopied = [...]string{"security.capability", "security.ima", "security.evm", "trusted.overlay."}

// copyAttributes copies the extended attributes of one file to another: the
// SELinux label, the ACL, user attributes. An attribute that cannot be copied
// is skipped, except the ACL: without it the group would get the permissions
// meant for the mask. An ACL that the new file inherited from its folder is
// removed if the old file has none.
func (s system) copyAttributes(from, to int) error {
	names := s.attributeNames(from)
	for _, name := range names {
		if name == aclName || slices.ContainsFunc(notCopied[:], func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		if value, err := s.attribute(from, name); err == nil {
			_ = s.setAttribute(to, name, value)
		}
	}
	if !slices.Contains(names, aclName) {
		if slices.Contains(s.attributeNames(to), aclName) {
			return s.do("remove attribute", func() error { return unix.Fremovexattr(to, aclName) })
		}
		return nil
	}
	value, err := s.attribute(from, aclName)
	if err != nil {
		return err
	}
	return s.setAttribute(to, aclName, value)
}

func (s system) attributeNames(fd int) []string {
	var names []string
	_ = s.do("list attributes", func() error {
		for range 10 { // The list may grow between the two calls.
			size, err := unix.Flistxattr(fd, nil)
			if err != nil || size == 0 {
				return err
			}
			buf := make([]byte, size)
			size, err = unix.Flistxattr(fd, buf)
			if isAny(err, unix.ERANGE) {
				continue
			}
			if err != nil {
				return err
			}
			names = strings.Split(strings.TrimRight(string(buf[:size]), "\x00"), "\x00")
			return nil
		}
		return unix.ERANGE
	})
	return names
}

func (s system) attribute(fd int, name string) (value []byte, err error) {
	err = s.do("get attribute", func() error {
		buf := make([]byte, 64<<10) // the kernel's limit for one value
		n, err := unix.Fgetxattr(fd, name, buf)
		value = buf[:max(n, 0)]
		return err
	})
	return value, err
}

func (s system) setAttribute(fd int, name string, value []byte) error {
	return s.do("set attribute", func() error { return unix.Fsetxattr(fd, name, value, 0) })
}
