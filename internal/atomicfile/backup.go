package atomicfile

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/failpoint"
)

// backupSuffix ends the name of a backup.
const backupSuffix = ".bak"

// backup keeps a copy of what was read, so that new content never exists
// without a copy of the old. The copy belongs to us and has mode 0600 whatever
// the file has. An empty file does not replace an older backup.
func (j *job) backup(t *target) error {
	if !j.opt.Backup || len(t.content) == 0 {
		return nil
	}
	name := j.at.name + backupSuffix
	path := j.at.path() + backupSuffix
	x, err := j.newTemporary()
	if err != nil {
		return j.backupFault(path, err)
	}
	defer x.discard()
	if err := x.fill(t.content, path); err != nil {
		return err
	}
	if err := j.sys.rename(j.at.dir, x.name, name); err != nil {
		return j.backupFault(path, err)
	}
	x.name = ""
	failpoint.Hit("file backup kept")
	if err := j.syncFolder(t.fd); err != nil {
		return fault("sync the folder", j.at.folder, err)
	}
	return nil
}

func (j *job) backupFault(path string, err error) error {
	if u, ok := inPlaceAllowed(err); ok {
		err = u.cause.Err
	}
	e := fault("keep a backup as", path, err)
	if isAny(err, unix.EISDIR, unix.ENOTEMPTY) {
		e.Err = fmt.Errorf("%w (move that folder away, or disable the backup)", err)
	}
	return e
}
