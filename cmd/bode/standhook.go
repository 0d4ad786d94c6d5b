package main

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// demoHook is a stand-in of a sender's own program on loopback, which is told
// what happens and repeats the challenge of a ping.
type demoHook struct {
	server *http.Server
	url    string
}

func startHook(log *slog.Logger) (*demoHook, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &demoHook{url: "http://" + l.Addr().String() + "/bode"}
	h.server = &http.Server{Handler: http.HandlerFunc(h.take), ReadTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go h.server.Serve(l)
	return h, nil
}

func (h *demoHook) take(w http.ResponseWriter, r *http.Request) {
	var push struct {
		Data struct {
			Challenge string `json:"challenge"`
		} `json:"data"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&push); err != nil {
		http.Error(w, "no push", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(push.Data) // whoever hung up needs no answer
}
