// Command example sends a registered message, waits until the recipient was told
// and its evidence is sealed, downloads the dossier and has erdverify judge it,
// without the service.
//
//	BODE_URL=… BODE_KEY=… example TRUST_DIR
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery/api/client"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: BODE_URL=… BODE_KEY=… example TRUST_DIR")
	}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil {
		log.Print(err) // with the code of what was refused
		if e, ok := errors.AsType[*client.Error](err); ok && e.Code == "unauthorized" {
			log.Print("is BODE_KEY in force?")
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, trust string) error {
	bode, err := client.New(client.Config{BaseURL: os.Getenv("BODE_URL"), Key: os.Getenv("BODE_KEY")})
	if err != nil {
		return err
	}
	document, err := bode.CreateDocument(ctx, client.CreateDocumentParams{Filename: "notice.txt"},
		"text/plain; charset=utf-8", strings.NewReader("We end the lease on 31 March.\n"))
	if err != nil {
		return err
	}
	none := client.NewPolicyFallback("none")
	message, err := bode.CreateMessage(ctx, client.CreateMessageParams{}, client.NewMessage{
		Subject: new("Termination of the lease"), Body: new("Please find the notice attached."), Documents: []string{document.ID},
		Recipients: []client.NewRecipient{{Name: client.NewName{Given: "An", Family: "Peeters"},
			Email: "an@example.be", Mobile: "+32470123456", Language: "nl"}},
		Policy: &client.NewPolicy{Fallback: &none},
	})
	if err != nil {
		return err
	}
	fmt.Printf("sent %s\n", message.Number)

	dir, err := os.MkdirTemp("", "bode-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for d, err := range bode.Deliveries(ctx, message.ID) {
		if err != nil {
			return err
		}
		if d, err = bode.WaitFor(ctx, d.ID, "notified"); err != nil {
			return err
		}
		fmt.Printf("%s %s: %s\n", d.Recipient.Name.Given, d.Recipient.Name.Family, d.State)
		if _, err := bode.WaitSealed(ctx, d.ID); err != nil {
			return err
		}
		dossier, err := bode.GetDossier(ctx, d.ID)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, d.ID+".asice")
		if err := save(file, dossier); err != nil {
			return err
		}
		verify := exec.CommandContext(ctx, "erdverify", "--trust", trust, file)
		verify.Stdout, verify.Stderr = os.Stdout, os.Stderr
		if err := verify.Run(); err != nil {
			return err
		}
	}
	fmt.Println("verified")
	return nil
}

func save(path string, from client.File) error {
	defer from.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}
