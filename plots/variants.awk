# For report.sh: "PASSED|FAILED|SKIPPED|ERROR|VARIANT" of each line of a table summary as CSV.

{ csv($0) }
FNR == 1 { headings(); next }
{
    print cell("passed") "|" cell("failed") "|" cell("skipped") "|" cell("largest error") "|" \
        cell("variant")
}
