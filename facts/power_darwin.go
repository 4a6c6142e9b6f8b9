package facts

import "context"

// darwinPower reads the power sources and the low power mode.
type darwinPower struct{ daemon question[macPower] }

// macPower is what one look found.
type macPower struct {
	supplies          []supply
	known             bool
	saving, saverTold bool
	err               error
}

var (
	fromIOPS    = &origin{"IOPowerSources", good}
	fromProcess = &origin{"NSProcessInfo", good}
)

func (*darwinPower) facts() []fact { return []fact{onAC, powerSource, batteryPercent, saver} }

func (p *darwinPower) collect(ctx context.Context, b *batch) {
	m, err := p.daemon.ask(ctx, askMacPower)
	if err == nil {
		err = m.err
	}
	if err != nil {
		b.unknownAll("power sources: "+err.Error(), p.facts()...)
		return
	}
	if m.known {
		storePower(b, m.supplies, fromIOPS)
	} else {
		b.unknownAll("macOS does not describe its power sources", onAC, powerSource, batteryPercent)
	}
	if m.saverTold {
		b.bool(saver, m.saving, fromProcess)
	} else {
		b.unknown(saver, "this release of macOS does not tell its low power mode")
	}
}

func askMacPower() (m macPower) {
	f, err := loadFrameworks()
	if err != nil {
		return macPower{err: err}
	}
	m.saving, m.saverTold = f.lowPowerMode()
	info := f.powerInfo()
	if info == 0 {
		return m
	}
	defer f.release(info)
	list := f.powerList(info)
	if list == 0 {
		return m
	}
	defer f.release(list)
	var sources []any
	for i := range f.arrayCount(list) {
		sources = append(sources, f.value(f.powerSource(info, f.arrayItem(list, i))))
	}
	m.supplies, m.known = macSupplies(sources)
	return m
}

func (*darwinPower) close() error { return nil }
