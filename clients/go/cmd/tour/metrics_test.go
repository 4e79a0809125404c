package main

import (
	"math"
	"testing"
)

func TestCompare(t *testing.T) {
	value := func(sequence uint64, slot uint32, value float64) change {
		return change{sequence, slot, int64(sequence) * 1e9, math.Float64bits(value)}
	}
	all := []change{value(1, 0, 0.5), value(1, 1, math.NaN()), value(2, 0, 0.7)}
	doubled := []change{all[0], all[1], all[1], all[2]}
	changed := []change{all[0], all[1], value(2, 0, 0.8)}
	for name, test := range map[string]struct {
		steady, resumed []change
		same            bool
	}{
		"the same":      {all, append([]change{}, all...), true},
		"one is missed": {all, all[:2], false},
		"one is double": {all, doubled, false},
		"one differs":   {all, changed, false},
		"nothing came":  {nil, nil, false},
	} {
		if err := compare(test.steady, test.resumed, 1); (err == nil) != test.same {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestBetween(t *testing.T) {
	reader := reader{changes: []change{{sequence: 3}, {sequence: 4}, {sequence: 4, slot: 1}, {sequence: 5}}}
	if found := reader.between(3, 4); len(found) != 2 || found[1].slot != 1 {
		t.Errorf("got %v", found)
	}
}
