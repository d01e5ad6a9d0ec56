package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func (p *program) survey() *cobra.Command {
	c := &cobra.Command{Use: "survey", Short: "Read what was answered in surveys"}
	c.AddCommand(p.surveyAnswers())
	return c
}

func (p *program) surveyAnswers() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "answers",
		Short: "Print the answers of surveys by month, with percentages",
		Long: `Prints how often each answer was given by month, and its share of the answers to its question. Only these counts are kept:
nobody can tell who gave an answer. rappel surge --kind survey asks a whole register.

  rappel survey answers`,
		Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		list, err := r.SurveyAnswers(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "SURVEY\tMONTH\tQUESTION\tANSWER\tGIVEN\tOF\tSHARE")
		for _, a := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%.0f %%\n", a.Survey, a.Month.Format("2006-01"), a.Question, a.Answer, a.Given, a.Of, 100*a.Share)
		}
		return w.Flush()
	})
}
