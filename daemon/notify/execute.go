package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/process"
)

// execute runs the command for a batch. Its output is discarded.
func execute(ctx context.Context, processes *process.Runner, batch Batch) error {
	var lines bytes.Buffer
	out := json.NewEncoder(&lines)
	out.SetEscapeHTML(false)
	for _, ev := range batch.Events {
		if err := out.Encode(ev); err != nil {
			return err
		}
	}
	first := batch.Events[0]
	env := map[string]credential.Secret{}
	for name, value := range map[string]string{
		"EVENT": first.Event, "CREDENTIAL": first.Credential, "SINK": first.Sink, "STATE": first.State,
		"REASON": first.Reason, "MESSAGE": first.Message, "COUNT": strconv.Itoa(len(batch.Events)),
	} {
		env["VIGENTE_"+name] = credential.NewSecret(value)
	}
	_, err := processes.Run(ctx, process.Command{
		Args: batch.Rule.Command, Timeout: batch.Rule.Timeout, LeaveBackground: true,
		Env: env, Stdin: credential.NewSecret(lines.String()),
	})
	return err
}
