package portal_test

import (
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery/web"
)

// What everybody may read, on a telephone and on a desk, in every language, light
// and dark, with everything known and with nothing.
func TestPublicScreens(t *testing.T) {
	t.Parallel()
	bare, full := newRig(t), newRig(t, told(t))
	full.broken()
	_, err := full.pool.Exec(t.Context(), `INSERT INTO public_figure VALUES ($1::timestamptz::date, 1200, 900, 5400, $1)`, full.now().Truncate(24*time.Hour))
	full.must(err)
	for _, lang := range web.Languages() {
		for _, size := range []struct {
			name          string
			width, height int64
			scheme        string
		}{{"phone", 390, 844, "light"}, {"desktop", 1280, 900, "dark"}} {
			t.Run(lang+"-"+size.name, func(t *testing.T) {
				for name, r := range map[string]*rig{"bare": bare, "full": full} {
					s := newScreen(r.in(t), lang, size.name, size.width, size.height, size.scheme)
					s.open("public-home-"+name, "/?lang="+lang)
					for _, page := range []string{"status", "sub-processors", "accessibility", "contact", "privacy"} {
						s.open("public-"+page+"-"+name, "/"+page)
					}
				}
			})
		}
	}
}

// in is the rig for a part of a test.
func (r *rig) in(t testing.TB) *rig {
	return &rig{t: t, server: r.server, pool: r.pool}
}
