package post

import (
	"context"
	"errors"
	"fmt"
)

// Check says whether letters could be handed over now: every folder of the
// contract can be read, and files can be written and moved. Whatever it writes,
// it takes away again.
func (h *HotFolder) Check(ctx context.Context) error {
	var faults []error
	for _, dir := range []string{"", "test", "status", "status/done", "status/bad", "withdrawn", "cancel"} {
		if _, err := h.drop.list(ctx, dir); err != nil {
			faults = append(faults, fmt.Errorf("folder %q: %w", dir, err))
		}
		if errors.Is(errors.Join(faults...), ErrHostKey) || errors.Is(errors.Join(faults...), ErrSignIn) || ctx.Err() != nil {
			return errors.Join(faults...) // the others would only say the same
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	for _, dir := range []string{"", "test/", "withdrawn/", "cancel/"} {
		if err := h.drop.put(ctx, dir+".probe", []byte("probe\n")); err != nil {
			return err
		}
		if err := h.drop.remove(ctx, dir+".probe"); err != nil {
			return err
		}
	}
	if o, ok := h.cfg.Operator.(interface{ Check(context.Context) error }); ok {
		return o.Check(ctx)
	}
	return nil
}
