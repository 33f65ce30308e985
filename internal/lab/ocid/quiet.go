package ocid

import (
	"context"
	"fmt"
	"io"

	"github.com/sirupsen/logrus"
)

// quiet is a context that answers distribution's question for a logger with a silent one.
//
// Distribution looks for its logger in the context, under a key whose type is internal, and falls back to logrus'
// global one. Silencing that would silence every other user of logrus in this process, so the key is recognised by its
// type's name instead. Should the name change, TestARegistryPrintsNothing says so.
type quiet struct{ context.Context }

// Value implements context.Context.
func (q quiet) Value(key any) any {
	if fmt.Sprintf("%T", key) != "dcontext.loggerKey" {
		return q.Context.Value(key)
	}
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	logger.SetLevel(logrus.PanicLevel)
	return logrus.NewEntry(logger)
}
