package portal_test

import (
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery/web"
)

// What everybody may read, in every language, on a telephone and on a desk, light
// and dark, with everything known and with nothing.
func TestPublicScreens(t *testing.T) {
	t.Parallel()
	bare, full := newRig(t), newRig(t, told(t))
	full.broken()
	_, err := full.pool.Exec(t.Context(), `INSERT INTO public_figure VALUES ($1::timestamptz::date, 1200, 900, 5400, $1)`, full.now().Truncate(24*time.Hour))
	full.must(err)
	look := func(r *rig, name, lang, size string, width, height int64, scheme string) {
		t.Run(name+"-"+lang+"-"+size, func(t *testing.T) {
			s := newScreen(r.in(t), lang, size, width, height, scheme)
			s.open("public-home-"+name, "/?lang="+lang)
			for _, page := range []string{"status", "sub-processors", "accessibility", "contact", "privacy"} {
				s.open("public-"+page+"-"+name, "/"+page)
			}
		})
	}
	for _, lang := range web.Languages() {
		look(full, "full", lang, "phone", 390, 844, "light")
	}
	look(full, "full", "de", "desktop", 1280, 900, "dark")
	look(bare, "bare", "fr", "desktop", 1280, 900, "light")
}

// in is the rig for a part of a test.
func (r *rig) in(t testing.TB) *rig {
	return &rig{t: t, server: r.server, pool: r.pool}
}
