/* The reader believes nothing: every broken file gets a sentence, and no file crashes it. */
#include "safetensors.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/ssmbench-tensors-XXXXXX", path[64];

static void make_folder(void)
{
    cr_assert(ne(ptr, mkdtemp(folder), NULL));
    snprintf(path, sizeof path, "%s/x.safetensors", folder);
}

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(safetensors, .init = make_folder, .fini = remove_folder, .timeout = 60);

static void write_bytes(const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "w");
    fwrite(bytes, 1, size, stream);
    fclose(stream);
}

/* A file with this header and as many bytes of data. */
static void write_file(const char *header, size_t data)
{
    static char bytes[4096];
    const size_t length = strlen(header);
    memset(bytes, 0, sizeof bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)((uint64_t)length >> 8 * i);
    memcpy(bytes + 8, header, length);
    write_bytes(bytes, 8 + length + data);
}

static void expect_refusal(const char *wanted)
{
    struct safetensors file;
    struct message message = {""};
    cr_assert(not(safetensors_open(&file, path, &message)), "%s was accepted", wanted);
    cr_assert(strstr(message.text, wanted) != NULL, "\"%s\" lacks \"%s\"", message.text, wanted);
    cr_assert(strstr(message.text, path) != NULL, "%s", message.text);
}

#define ONE "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}"

static const struct broken {
    const char *header;
    size_t data;
    const char *wanted;
} BROKEN[] = {
    {"", 0, "its header"},
    {"[]", 0, "no object"},
    {"{", 0, "its header"},
    {"{} x", 0, "its header"},
    {"{" ONE "," ONE "}", 24, "duplicate"},
    {"{\"__metadata__\":3}", 0, "__metadata__: expected an object of texts"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "__metadata__: expected an object of texts"},
    {"{\"__metadata__\":{\"k\":\"v\"},\"a\":3}", 0, "dtype (none)"},
    {"{\"a\":3}", 0, "dtype (none)"},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype F31"},
    {"{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype (none)"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "a shape of at most"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "a shape of at most"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "a shape of at most"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
     "a shape of at most"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,4],\"data_offsets\":[0,4]}}", 4,
     "a shape of at most"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", 0,
     "a shape of at most"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,4]}}", 4,
     "its header"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "its 8 bytes"},
    {"{" ONE "}", 23, "within the file's 23"},
    {"{" ONE "}", 25, "1 bytes behind the last"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "expected 0"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
     8, "expected 8, where the one before"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
     12, "expected 4, where the one before"},
};

Test(safetensors, broken_headers_get_a_sentence)
{
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        write_file(BROKEN[i].header, BROKEN[i].data);
        expect_refusal(BROKEN[i].wanted);
    }
}

Test(safetensors, broken_files_get_a_sentence)
{
    write_bytes("1234567", 7);
    expect_refusal("7 bytes: expected a .safetensors file");
    write_bytes("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    expect_refusal("a header of 18446744073709551615 bytes in a file of 10");
    write_bytes("\x03\0\0\0\0\0\0\0{}", 10);
    expect_refusal("a header of 3 bytes in a file of 10");
    unlink(path);
    expect_refusal("No such file");
    cr_assert(eq(int, mkfifo(path, 0600), 0));
    expect_refusal("expected a regular file");
    unlink(path);
    cr_assert(eq(int, mkdir(path, 0700), 0));
    expect_refusal("expected a regular file");
    rmdir(path);
}

Test(safetensors, a_sentence_is_one_line_of_utf8_whatever_a_file_says)
{
    char header[1024] =
        "{\"a\":{\"dtype\":\"F32\\n\\u001b[2J\",\"shape\":[],\"data_offsets\":[0,4]}}";
    write_file(header, 4);
    expect_refusal("dtype F32??[2J: expected F32");
    /* Names are cut after 200 bytes: here within the last of 67 characters of 3. */
    strcpy(header, "{\"");
    for (int i = 0; i < 70; i++)
        strcat(header, "\xe2\x82\xac");
    strcat(header, "\":7}");
    write_file(header, 0);
    expect_refusal("\xe2\x82\xac?? has dtype (none)");
}

Test(safetensors, what_is_written_is_read)
{
    const float a[6] = {1, -2, 3.5f, 4, 5, 6};
    const double b[1] = {1e300};
    const struct stored_tensor out[] = {{.name = "a", .dtype = "F32", .rank = 2, .dim = {2, 3}},
                                        {.name = "none", .dtype = "BF16", .rank = 2, .dim = {0, 4}},
                                        {.name = "b \"\xc3\xa4", .dtype = "F64", .rank = 0}};
    const void *const data[] = {a, a, b};
    struct safetensors file;
    struct message message;
    float read[6];
    double one;
    cr_assert(safetensors_write(path, out, data, 3, NULL, &message), "%s", message.text);
    cr_assert(safetensors_open(&file, path, &message), "%s", message.text);
    cr_assert(eq(int, file.count, 3));
    const struct stored_tensor *found = safetensors_find(&file, "a");
    cr_assert(ne(ptr, (void *)found, NULL));
    cr_assert(eq(str, (char *)found->dtype, "F32"));
    cr_assert(eq(int, found->rank, 2));
    cr_assert(eq(i64, found->dim[0], 2));
    cr_assert(eq(i64, found->dim[1], 3));
    cr_assert(safetensors_read(&file, found, read, &message));
    cr_assert(eq(int, memcmp(read, a, sizeof a), 0));
    found = safetensors_find(&file, "b \"\xc3\xa4");
    cr_assert(safetensors_read(&file, found, &one, &message));
    cr_assert(eq(dbl, one, 1e300));
    cr_assert(eq(u64, safetensors_find(&file, "none")->bytes, 0));
    cr_assert(eq(ptr, (void *)safetensors_find(&file, "c"), NULL));
    cr_assert(eq(int, truncate(path, 20), 0));
    cr_assert(not(safetensors_read(&file, found, &one, &message)));
    cr_assert(strstr(message.text, "the file changed") != NULL, "%s", message.text);
    safetensors_close(&file);
}

Test(safetensors, a_file_that_cannot_be_written_leaves_none)
{
    const struct stored_tensor out = {.name = "a", .dtype = "F32", .rank = 1, .dim = {1}};
    const float a = 1;
    const void *const data[] = {&a};
    struct message message;
    cr_assert(not(safetensors_write("/nowhere/x.safetensors", &out, data, 1, NULL, &message)));
    cr_assert(strstr(message.text, "/nowhere/x.safetensors: No such file") != NULL);
    cr_assert(eq(int, mkdir(path, 0700), 0));
    cr_assert(not(safetensors_write(path, &out, data, 1, NULL, &message)),
              "a folder is in its place");
    cr_assert(eq(int, rmdir(path), 0));
    cr_assert(eq(int, rmdir(folder), 0), "an unfinished file was left");
    cr_assert(eq(int, mkdir(folder, 0700), 0));
}

/* Changed bytes, cuts and repeats of a good file: whatever is accepted lies within the file. */
Test(safetensors, survives_any_damage)
{
    const float a[6] = {0};
    const struct stored_tensor out[] = {{.name = "a", .dtype = "F32", .rank = 2, .dim = {1, 3}},
                                        {.name = "b", .dtype = "F16", .rank = 1, .dim = {6}}};
    const void *const data[] = {a, a};
    struct message message;
    unsigned char whole[512], bytes[512];
    unsigned random = 12345;
    cr_assert(safetensors_write(path, out, data, 2, NULL, &message));
    FILE *stream = fopen(path, "r");
    const size_t size = fread(whole, 1, sizeof whole, stream);
    int accepted = 0;
    fclose(stream);
    for (int trial = 0; trial < 20000; trial++) {
        struct safetensors file;
        size_t left = size;
        memcpy(bytes, whole, size);
        for (int change = 0; change <= trial % 4; change++) {
            random = random * 1103515245 + 12345;
            const size_t at = random >> 8 & 0x1ff;
            static const char likely[] = "0123456789[]{}\",:-eFI";
            if (at < left)
                bytes[at] = (unsigned char)likely[(random >> 17) % (sizeof likely - 1)];
            else if (trial % 7 == 0)
                left = at % (left + 1);
        }
        write_bytes(bytes, left);
        if (!safetensors_open(&file, path, &message))
            continue;
        accepted++;
        for (int i = 0; i < file.count; i++) {
            cr_assert(le(u64, file.tensor[i].offset + file.tensor[i].bytes, left));
            cr_assert(le(u64, file.tensor[i].bytes, 24));
            cr_assert(safetensors_read(&file, &file.tensor[i], bytes, &message));
        }
        safetensors_close(&file);
    }
    cr_assert(gt(int, accepted, 10), "some damage does not matter");
}
