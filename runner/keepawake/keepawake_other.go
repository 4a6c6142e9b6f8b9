//go:build !linux && !windows && !darwin

package keepawake

import "context"

func (k Keeper) hold(context.Context, string) (func(), error) { return nil, ErrNobody }
