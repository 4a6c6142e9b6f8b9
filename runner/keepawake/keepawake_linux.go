package keepawake

import (
	"context"
	"errors"
)

func hold(ctx context.Context, why string) (func(), error) { return nil, errors.New("being written") }
