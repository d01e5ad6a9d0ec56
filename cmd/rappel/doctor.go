package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/app"
)

func (p *program) doctor() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Examine every part in at most ten seconds; each problem comes with its cause and its fix",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := app.Read(p.config)
			if err != nil && !asJSON {
				return err
			}
			var d app.Diagnosis
			if err != nil {
				d = app.Misconfigured(err, p.config)
			} else {
				d = app.Doctor(c.Context(), cfg, p.config)
			}
			if asJSON {
				enc := json.NewEncoder(p.out)
				enc.SetIndent("", "  ")
				err = enc.Encode(d)
			} else {
				err = d.WriteText(p.out)
			}
			if err != nil {
				return fmt.Errorf("write diagnosis: %w", err)
			}
			if !d.OK {
				return silentError{}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

func (p *program) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly(0),
		RunE: func(*cobra.Command, []string) error {
			version, commit := "development", ""
			if info, ok := debug.ReadBuildInfo(); ok {
				if v := info.Main.Version; v != "" && v != "(devel)" {
					version = v
				}
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						commit = " " + s.Value
					}
				}
			}
			fmt.Fprintf(p.out, "rappel %s%s %s %s/%s\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
