package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vigented/vigente/internal/atomicfile"
)

// saveTime bounds one save: the disk may hang.
const saveTime = 10 * time.Second

// load reads the book of the previous process.
func (b *Book) load(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, b); err != nil {
		b.Entries = nil
		return fmt.Errorf("read %s: %w", path, err)
	}
	for name, e := range b.Entries {
		if e == nil {
			delete(b.Entries, name)
			continue
		}
		if e.Since == nil {
			e.Since = map[string]time.Time{}
		}
	}
	return nil
}

// save makes the book durable.
func (b *Book) save(path string) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), saveTime)
	defer cancel()
	_, err = atomicfile.Replace(ctx, path, atomicfile.Options{Mode: 0o600, Create: true}, func([]byte, bool) ([]byte, error) { return text, nil })
	if err != nil {
		return errors.New("the state of on_failure cannot be saved, so its command is not run: " + err.Error())
	}
	b.Changed = false
	return nil
}
