package journal

import (
	"context"
	"errors"
)

func (j *Journal) openPostgres(context.Context, Options) error { return errors.ErrUnsupported }
