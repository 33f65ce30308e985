package charts

import (
	"embed"
	"io/fs"
)

// "all:" because the names of template helpers begin with an underscore.
//
//go:embed all:voice-agent all:voice-lib
var fleet embed.FS

// Fleet is the charts that this repository ships, a folder each, so that an installed binary can show them.
func Fleet() fs.FS { return fleet }
