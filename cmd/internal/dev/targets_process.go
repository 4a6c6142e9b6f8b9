package main

import (
	"context"
	"errors"
)

func verify1G(context.Context) (map[string]figure, error)      { return nil, errors.New("wait") }
func firstDecision(context.Context) (map[string]figure, error) { return nil, errors.New("wait") }
func idle(context.Context) (map[string]figure, error)          { return nil, errors.New("wait") }
