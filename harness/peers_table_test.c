/* Rows of other implementations in the tables of the variants beside which they ran. Runs the
 * binary that the environment variable SSMBENCH names. */
#include "binary_fixture.h"
#include "registry.h"
#include "results.h"

#include <unistd.h>

static char path[] = "/tmp/ssmbench-peers-XXXXXX";
static const char FILE_OF_PEER[] = "harness/peers/implementations/pytorch_selscan.py";

static void make_file(void)
{
    close(mkstemp(path));
}

static void remove_file(void)
{
    unlink(path);
}

TestSuite(peers, .init = make_file, .fini = remove_file, .timeout = 60);

/* Appends a row of the case "c" that took `median_ms`. With `file` it is a peer's. */
static void append_row(const char *machine, const char *cuda, const char *variant, const char *file,
                       const char *check_status, double error, double median_ms)
{
    char full[64];
    snprintf(full, sizeof full, "selscan/%s@cuda", variant);
    json_t *row = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:i}, s:{s:s, s:f}, s:{s:f}, s:{s:s}}", "schema",
        SCHEMA, "op", "selscan", "variant", variant, "backend", file ? "peer" : "cuda", "grade",
        "exact", "suite", "s", "case", "c", "keys", "length", 5, "check", "status", check_status,
        "error", error, "time", "median_ms", median_ms, "machine", "name", machine);
    json_object_set_new(row, "source", json_string(source_hash(file ? file : full)));
    if (file) {
        json_object_set_new(row, "file", json_string(file));
        json_object_set_new(row, "package", json_string("torch 9.9"));
    }
    if (cuda)
        json_object_set_new(json_object_get(row, "machine"), "cuda", json_string(cuda));
    FILE *stream = fopen(path, "a");
    cr_assert(ne(ptr, stream, NULL));
    json_dumpf(row, stream, JSON_COMPACT);
    fputc('\n', stream);
    fclose(stream);
    json_decref(row);
}

Test(peers, stand_beside_the_variants_of_their_machine)
{
    append_row("GPU A", "13.0", "stepwise", NULL, "PASS", 1e-6, 8);
    append_row("GPU A", "13.0", "chunked", NULL, "PASS", 1e-6, 1);
    append_row("GPU A", "13.0", "pytorch_eager", FILE_OF_PEER, "PASS", 1e-6, 16);
    append_row("GPU A", "13.0", "pytorch_compile", FILE_OF_PEER, "WRONG", 3e-5, 4);
    append_row("CPU B", NULL, "pytorch_eager", FILE_OF_PEER, "PASS", 1e-6, 32);
    ssmbench("table speedup --format md %s", path);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("| stepwise | chunked | pytorch_eager@peer | pytorch_compile@peer |\n");
    assert_says("| 8.000 ms | 1.000 ms (8.0×) | 16.00 ms (0.5×) | "
                "4.000 ms (2.0×, error 3.0e-05)‡ |\n");
    assert_says("Largest error of any variant here: 1.0e-06.");
    assert_says("- pytorch_eager@peer: another implementation, torch 9.9.\n");
    assert_says("- ‡ ");
    assert_says("**selscan on CPU B**");
    assert_says("| – | 32.00 ms |\n");
    ssmbench("table speedup --format csv %s", path);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("GPU A,selscan,pytorch_eager,peer,s,c,");
    assert_says(",PASS,exact,cuda,pytorch_eager@peer,");
    assert_says(",PASS,exact,cpu,pytorch_eager@peer,");
}

Test(peers, a_peer_with_the_name_of_a_variant_has_a_column_of_its_own)
{
    append_row("GPU A", "13.0", "stepwise", FILE_OF_PEER, "PASS", 1e-6, 16);
    append_row("GPU A", "13.0", "stepwise", NULL, "PASS", 1e-6, 8);
    ssmbench("table speedup --format md %s", path);
    assert_says("| stepwise | stepwise@peer |\n");
    assert_says("| 8.000 ms | 16.00 ms (0.5×) |\n");
}

Test(peers, are_stale_when_their_file_changed_or_is_gone)
{
    append_row("GPU A", "13.0", "pytorch_eager", FILE_OF_PEER, "PASS", 1e-6, 16);
    ssmbench("table stale %s", path);
    cr_assert(eq(int, status, 0));
    cr_assert(eq(str, text, ""));
    append_row("GPU A", "13.0", "gone", "harness/peers/implementations/gone.py", "PASS", 1e-6, 16);
    ssmbench("table stale %s", path);
    assert_says("stale: selscan/gone@peer s/c on GPU A");
}

Test(peers, have_their_errors_in_a_table_of_errors)
{
    append_row("m", "13.0", "stepwise", NULL, "PASS", 1e-7, 8);
    append_row("m", "13.0", "pytorch_eager", FILE_OF_PEER, "PASS", 2e-7, 4);
    ssmbench("table error --format csv %s", path);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("case,stepwise,pytorch_eager@peer\n");
    assert_says("c,1.0e-07,2.0e-07\n");
}
