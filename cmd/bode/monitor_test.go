package main

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// figures asks for the figures of a process and reads them as Prometheus does.
func figures(t *testing.T, addr string) map[string]*dto.MetricFamily {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", resp.Status, err)
	}
	return all
}

// TestFigures: what the alerts and the dashboard ask for is there in a process
// that runs, on its own address only, and no figure names a person or an account.
func TestFigures(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	if got := e.run(t, nil, "migrate"); got.code != 0 {
		t.Fatalf("migrate: %+v", got)
	}
	public, own := freeAddr(t), freeAddr(t)
	e.start(t, public, "serve", "--admin-listen", own)
	for path, want := range map[string]int{"/": 200, "/api/v1/messages": 401, "/portal/none": 404, "/metrics": 404, "/debug/pprof/": 404} {
		resp, err := http.Get("http://" + public + path)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("public %s: %s, want %d", path, resp.Status, want)
		}
	}
	echoing, err := http.NewRequest(http.MethodTrace, "http://"+public+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	echoing.Header.Set("X-Repeated", "what was sent")
	if resp, err := http.DefaultClient.Do(echoing); err != nil || resp.StatusCode < 400 {
		t.Errorf("TRACE: %v %v", resp, err)
	} else if b, _ := io.ReadAll(resp.Body); strings.Contains(string(b), "what was sent") {
		t.Errorf("TRACE repeats: %s", b)
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if resp, err := http.Get("http://" + own + path); err != nil || resp.StatusCode != http.StatusNoContent {
			t.Errorf("%s: %v %v", path, resp, err)
		}
	}
	all := figures(t, own)
	requests := all["bode_http_request_seconds"]
	var seen []string
	for _, m := range requests.GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, l.GetValue())
		}
		if m.GetHistogram().GetSampleCount() > 0 {
			seen = append(seen, strings.Join(labels, " "))
		}
	}
	for _, want := range []string{"public GET 2xx", "api GET 4xx", "portal GET 4xx"} {
		if !slices.Contains(seen, want) {
			t.Errorf("no request counted as %q: %q", want, seen)
		}
	}
	for _, name := range []string{"bode_notices_oldest_seconds", "bode_deadlines_oldest_seconds", "bode_evidence_unstamped",
		"bode_evidence_unstamped_oldest_seconds", "bode_database_connections", "process_resident_memory_bytes"} {
		if all[name] == nil {
			t.Errorf("no %s", name)
		}
	}
}

var metricName = regexp.MustCompile(`\bbode_[a-z_]+\b`)

// TestAlertsAskForWhatIsThere: every figure that an alert or the dashboard names
// is one of ours, every alert says where to read on, and that place exists.
func TestAlertsAskForWhatIsThere(t *testing.T) {
	t.Parallel()
	ours := []string{"bode_http_request_seconds", "bode_notice_attempt_seconds"}
	described := make(chan *prometheus.Desc, 20)
	newQueues(nil).Describe(described)
	close(described)
	for d := range described {
		ours = append(ours, metricName.FindString(d.String()))
	}
	for _, file := range []string{"../../docs/monitoring/alerts.yml", "../../docs/monitoring/dashboard.json"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names := metricName.FindAllString(string(text), -1)
		if len(names) < 8 {
			t.Errorf("%s names %d figures", file, len(names))
		}
		for _, name := range names {
			if !slices.Contains(ours, strings.TrimSuffix(strings.TrimSuffix(name, "_count"), "_bucket")) {
				t.Errorf("%s: nobody gives %s", file, name)
			}
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	text, _ := os.ReadFile("../../docs/monitoring/alerts.yml")
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	for _, r := range rules.Groups[0].Rules {
		page, err := os.ReadFile("../../docs/" + r.Annotations["runbook"])
		if err != nil || !strings.HasPrefix(r.Annotations["runbook"], "runbooks/") || !strings.Contains(string(page), "`"+r.Alert+"`") ||
			r.Expr == "" || r.Annotations["summary"] == "" {
			t.Errorf("%s: %q leads nowhere", r.Alert, r.Annotations["runbook"])
		}
	}
}
