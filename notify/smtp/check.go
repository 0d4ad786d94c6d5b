package smtp

import "context"

// Check says whether the relay lets us in: it connects, protects the connection,
// signs in and leaves. No mail is begun.
func (t *Transport) Check(ctx context.Context) error {
	s, err := t.open(ctx)
	if err != nil {
		return err
	}
	s.quit()
	return nil
}
