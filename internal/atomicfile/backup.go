package atomicfile

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/failpoint"
)

// backupSuffix is what the name of a backup ends in.
const backupSuffix = ".bak"

// backup keeps what was read, so that at no instant there is new content
// without a copy of the old. It is ours and mode 0600 whatever the file is,
// and an empty file is not worth losing an older backup for.
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
	if err := j.sys.syncFolder(j.at.dir, t.fd); err != nil {
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
		e.Err = fmt.Errorf("%w (move that folder away, or switch the backup off)", err)
	}
	return e
}
