// Package charts makes a release of a Helm chart out of a git commit.
//
// A chart goes through four hands, and each hand takes what the one before it made:
//
//	Tree -> Pin -> Pinned -> Vendor -> Vendored -> Lint -> Linted -> Pack -> Package
//
// The promise is that a Package depends on the commit alone: on no clock, no machine, no folder, no umask, no
// time zone and no order in which files happen to be listed. Two packages of one commit are the same bytes.
//
// What the chart's author wrote is hostile until it is linted. Pin, Vendor and Pack read bytes within limits
// and never follow a symbolic link out of the chart; templates and schemas are only ever evaluated in the
// Sandbox that Lint is given. Whatever the author has to change comes back as *Rejected, with a file, a line,
// a rule and the next step; every other error is temporary or ours.
package charts
