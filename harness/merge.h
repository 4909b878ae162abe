/* Files of parts of a campaign, `--shard I/N`, as one. */
#ifndef SSMBENCH_MERGE_H
#define SSMBENCH_MERGE_H

/* What times that two files have may differ by, by the median of their ratios. */
extern const double MERGE_WITHIN;

/* Joins the NULL-terminated files in a new file `out`: a row a variant and case, of several the
 * last one, in the order of the suites where these are known. All files have to be of one kind of
 * machine and one build, and to share rows whose times agree within `within`, by the median of the
 * ratios, each within three times that, as far as rows have times at all. Otherwise nothing is
 * written. Returns the exit status. */
int merge_files(char *const *files, const char *out, double within);

#endif
