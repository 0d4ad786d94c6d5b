package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// TestKeysUnderADevice: the program carries what a key in clear wraps to one that lies
// under a key of a device, and says what it needs when the device is not named.
func TestKeysUnderADevice(t *testing.T) {
	device := newDevice(t)
	if out, err := exec.CommandContext(t.Context(), "pkcs11-tool", "--module", device.module, "--token-label", "bode", "--login", "--pin", devicePIN,
		"--keygen", "--key-type", "AES:32", "--label", "content", "--sensitive").CombinedOutput(); err != nil {
		t.Fatalf("pkcs11-tool: %v\n%s", err, out)
	}
	about, err := json.Marshal(map[string]string{"module": device.module, "label": "bode", "pin_file": device.pin, "key_label": "content"})
	if err != nil {
		t.Fatal(err)
	}
	d := newDeskTown(t)
	_, past, now := d.keptSince(t)
	file := filepath.Join(d.keys(), now+".json")
	if err := os.Remove(file); err != nil { // the month begins again
		t.Fatal(err)
	}
	env := append(d.env, "SOFTHSM2_CONF="+os.Getenv("SOFTHSM2_CONF"))
	under := append(env, "BODE_KEYS_TOKEN="+writeFile(t, filepath.Join(d.dir, "device.json"), string(about)))
	rewrap := []string{"keyring", "rewrap", past, "--by", "An Counsel"}
	command{env: under, args: rewrap}.run(t).expect(t, "under a device", 0, "1 rows")
	if b, err := os.ReadFile(file); err != nil || !strings.Contains(string(b), "encryptedKeyset") {
		t.Errorf("the key of this month: %v\n%s", err, b)
	}
	if _, _, err := d.app.deliveries.CreateDraft(t.Context(), d.by.By, false, delivery.DraftContent{Submission: delivery.Submission{Subject: "x"}}, delivery.Once{}); err == nil ||
		!strings.Contains(err.Error(), "no device is configured") {
		t.Errorf("a service without the device: %v", err)
	}
	command{env: append(env, "BODE_KEYS_TOKEN="+filepath.Join(d.dir, "none")), args: rewrap}.run(t).expect(t, "no such file", 1, "no such file")
}
