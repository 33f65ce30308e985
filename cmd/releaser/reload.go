package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// changeEvery is how often the daemon looks whether its configuration, or a file that it names, has changed. A SIGHUP makes it
// look at once.
const changeEvery = 10 * time.Second

// state names the content of every file that decides what the daemon does. One that cannot be read has a state, too.
func (h *house) state() string {
	sum := sha256.New()
	for _, file := range h.config.Files() {
		content, err := os.ReadFile(file)
		fmt.Fprintf(sum, "%q %v %d\n", file, err, len(content))
		sum.Write(content)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// refusal is why the last change of the configuration is not in force, or nothing.
type refusal struct{ text atomic.Pointer[string] }

func (r *refusal) set(text string) { r.text.Store(&text) }

// note is for who asks whether the daemon is ready.
func (r *refusal) note() string {
	text := r.text.Load()
	if text == nil || *text == "" {
		return ""
	}
	return "the changed configuration is refused, and the one before it is in force: " + *text
}

// changed waits until the configuration has changed for another that is good, and returns the house that it makes; nil when the
// context ends. One that is bad is told once, and changes nothing.
func (d *daemon) changed(ctx context.Context, inForce string) *house {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	tick := time.NewTicker(changeEvery)
	defer tick.Stop()
	seen := inForce
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-again:
		}
		now := d.state()
		if now == seen {
			continue
		}
		seen = now
		if now == inForce {
			d.accepted("")
			continue
		}
		next, err := d.app.releasing()
		if err == nil {
			err = next.openWebhook()
		}
		if err == nil {
			return next
		}
		d.accepted(err.Error())
	}
}

// accepted tells how the last change went.
func (d *daemon) accepted(fault string) {
	d.refused.set(fault)
	if fault == "" {
		d.figures.reloaded.Set(1)
		d.log.Info("the configuration is again the one in force")
		return
	}
	d.figures.reloaded.Set(0)
	d.log.Error("the changed configuration is refused, and the one before it stays in force", "err", fault)
}
