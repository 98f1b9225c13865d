package filesink

import (
	"context"
	"errors"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/sinks"
)

// File is the file of one sink.
type File struct {
	Path    string
	Options atomicfile.Options
}

// Edit computes the new content of the file from the old. It has no side
// effects, because it may be called several times. For content that looks half
// written by another program it returns an error that wraps
// atomicfile.ErrUnready, unless settled is true: then the content has looked so
// for a while and will not improve.
type Edit func(old []byte, exists, settled bool) ([]byte, error)

// Deliver replaces the file. It may report a change together with an error: the
// new content is then in place but might not survive a power cut.
func (f File) Deliver(ctx context.Context, edit Edit) (changed bool, err error) {
	err = f.twice(edit, func(e atomicfile.Edit) error {
		result, err := atomicfile.Replace(ctx, f.Path, f.Options, e)
		changed = result.Changed || atomicfile.MayHaveChanged(err)
		return err
	})
	return changed, f.fault(err)
}

// Preflight checks whether Deliver would succeed. It changes nothing.
func (f File) Preflight(ctx context.Context, edit Edit) error {
	return f.fault(f.twice(edit, func(e atomicfile.Edit) error {
		return atomicfile.Check(ctx, f.Path, f.Options, e)
	}))
}

// WouldChange reports whether Deliver would change the file. It changes
// nothing.
func (f File) WouldChange(ctx context.Context, edit Edit) (change bool, err error) {
	err = f.twice(edit, func(e atomicfile.Edit) (err error) {
		change, err = atomicfile.WouldChange(ctx, f.Path, f.Options, e)
		return err
	})
	return change, f.fault(err)
}

// twice repeats the attempt with settled set if the content stays half written.
func (f File) twice(edit Edit, attempt func(atomicfile.Edit) error) error {
	bound := func(settled bool) atomicfile.Edit {
		return func(old []byte, exists bool) ([]byte, error) { return edit(old, exists, settled) }
	}
	err := attempt(bound(false))
	if errors.Is(err, atomicfile.ErrUnready) {
		return attempt(bound(true))
	}
	return err
}

// Read returns the content of the file.
func (f File) Read(ctx context.Context) (atomicfile.Content, error) {
	content, err := atomicfile.Read(ctx, f.Path, MaxSize)
	return content, f.fault(err)
}

// fault classifies what prevented a write. The errors of atomicfile say how to
// fix them; those of an edit are in the kind's own words.
func (f File) fault(err error) error {
	if err == nil {
		return nil
	}
	if own, ok := errors.AsType[*credential.Fault](err); ok {
		return own
	}
	if e, ok := errors.AsType[*atomicfile.Error](err); ok {
		return sinks.Faultf(err, "%s", e)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &credential.Fault{Reason: credential.ReasonCancelled, Message: "write " + f.Path + ": cut short", Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &credential.Fault{
			Reason: credential.ReasonTimeout, Err: err,
			Message: "write " + f.Path + ": the disk did not answer in time (is it a network file system that hangs?)",
		}
	}
	return sinks.Faultf(err, "edit %s: %v", f.Path, err)
}
