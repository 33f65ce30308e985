package scalar

import (
	"fmt"
	"math"
	"strconv"

	helmkeys "go.yaml.in/yaml/v2"
)

// checkKeys refuses a mapping in which two keys are the same text for Helm, such as true and "true", or 1 and "1". Helm
// keeps now the one and now the other, so that nothing can be said of what it reads there.
func checkKeys(src []byte) error {
	var top ordered
	if err := helmkeys.Unmarshal(src, &top); err != nil {
		return nil // which Helm's library has said already
	}
	if name := collision(top.value); name != "" {
		return &Error{Line: 1, Rule: "duplicate-key", Message: fmt.Sprintf("Helm takes two keys of one mapping for %q, and keeps any of them", name), Fix: "keep one of them"}
	}
	return nil
}

// ordered is a value with all keys of its mappings, as the library below Helm's reads them.
type ordered struct{ value any }

// UnmarshalYAML implements the library's interface.
func (o *ordered) UnmarshalYAML(read func(any) error) error {
	var pairs helmkeys.MapSlice
	if read(&pairs) == nil {
		o.value = pairs
		return nil
	}
	var items []ordered
	if read(&items) == nil {
		o.value = items
	}
	return nil
}

// collision finds two keys that differ, but not once they are text.
func collision(value any) string {
	switch value := value.(type) {
	case helmkeys.MapSlice:
		seen := map[string]any{}
		for _, pair := range value {
			name := keyText(pair.Key)
			if other, found := seen[name]; found && other != pair.Key {
				return name
			}
			seen[name] = pair.Key
			if below := collision(pair.Value); below != "" {
				return below
			}
		}
	case []ordered:
		for _, item := range value {
			if below := collision(item.value); below != "" {
				return below
			}
		}
	case []any:
		for _, item := range value {
			if below := collision(item); below != "" {
				return below
			}
		}
	}
	return ""
}

// keyText is what Helm makes of a key; of a number with a point no more than a float32 holds.
func keyText(key any) string {
	number, ok := key.(float64)
	switch {
	case !ok:
		return fmt.Sprint(key)
	case math.IsInf(number, 1):
		return ".inf"
	case math.IsInf(number, -1):
		return "-.inf"
	case math.IsNaN(number):
		return ".nan"
	}
	return strconv.FormatFloat(number, 'g', -1, 32)
}
