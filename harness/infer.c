#include "infer.h"

#include <stdlib.h>
#include <string.h>

/* What a tensor counts that is there and should not be, or the other way round. */
enum { ABSENT = MAX_RANK + 2 };

const char *dtype_word(enum dtype dtype)
{
    static const char *const words[] = {"F32", "BF16", "F16", "I32"};
    return words[dtype];
}

bool dtype_fits(const char *stored, enum dtype dtype)
{
    return !strcmp(stored, dtype_word(dtype)) || (dtype != DTYPE_I32 && !strcmp(stored, "F64"));
}

json_t *keys_metadata(const struct operation *op, const void *problem)
{
    json_t *metadata = json_pack("{s:s}", "op", op->name);
    for (const struct key *key = op->keys; key->name; key++) {
        char text[KEY_VALUE_SIZE];
        key_print(key, problem, text, sizeof text);
        json_object_set_new(metadata, key->name, json_string(text));
    }
    return metadata;
}

bool keys_from_metadata(const struct operation *op, const json_t *metadata, void *problem,
                        struct message *message)
{
    const char *named = json_string_value(json_object_get(metadata, "op"));
    if (!named || strcmp(named, op->name))
        return true;
    for (const struct key *key = op->keys; key->name; key++) {
        const char *value = json_string_value(json_object_get(metadata, key->name));
        if (value && !key_parse(key, value, problem, message))
            return false;
    }
    return true;
}

/* How far a given tensor is from what the problem has. */
static int mismatch_of(const struct tensor *tensor, const struct stored_tensor *given)
{
    if (!given)
        return tensor->output || !tensor_elements(tensor) ? 0 : ABSENT;
    if (!tensor->present || tensor->rank != given->rank)
        return ABSENT;
    int mismatch = !dtype_fits(given->dtype, tensor->dtype);
    for (int axis = 0; axis < tensor->rank; axis++)
        mismatch += tensor->dim[axis] != given->dim[axis];
    return mismatch;
}

static int mismatch(const struct operation *op, const struct stored_tensor *const given[],
                    const void *problem)
{
    struct tensor tensor[MAX_TENSORS];
    int sum = 0;
    op->tensors(problem, tensor);
    for (int i = 0; i < op->tensor_count; i++)
        sum += mismatch_of(&tensor[i], given[i]);
    return sum;
}

static int64_t *field(const struct key *key, void *problem)
{
    return (int64_t *)((char *)problem + key->offset);
}

static int64_t dim_of(const struct operation *op, const void *problem, int i, int axis)
{
    struct tensor tensor[MAX_TENSORS];
    op->tensors(problem, tensor);
    return tensor[i].dim[axis];
}

/* The value of a key that makes an axis of tensor `i` as long as wanted; false when none does. */
static bool solve_axis(const struct operation *op, const struct stored_tensor *const given[],
                       const struct key *key, int i, int axis, void *problem, int64_t *solved)
{
    int64_t *const value = field(key, problem), before = *value;
    const int64_t has = dim_of(op, problem, i, axis), wanted = given[i]->dim[axis];
    const int step = (double)before < key->maximum ? 1 : -1;
    *value += step;
    const int64_t slope = (dim_of(op, problem, i, axis) - has) * step;
    *value = before;
    if (!slope || has == wanted || (wanted - has) % slope)
        return false;
    const double exact = (double)before + (double)((wanted - has) / slope);
    if (!(exact >= key->minimum && exact <= key->maximum))
        return false;
    *solved = before + (wanted - has) / slope;
    return true;
}

/* The values that a key might have: every word, or one for each axis that wants another length.
 * Returns how many; none of a text or a real number. */
static int candidates(const struct operation *op, const struct stored_tensor *const given[],
                      const struct key *key, void *problem, int64_t value[MAX_TENSORS * MAX_RANK])
{
    struct tensor tensor[MAX_TENSORS];
    int count = 0;
    for (; key->kind == KEY_WORD && key->words[count]; count++)
        value[count] = count;
    op->tensors(problem, tensor);
    for (int i = 0; i < op->tensor_count && key->kind == KEY_WHOLE; i++) {
        if (!given[i] || !tensor[i].present || tensor[i].rank != given[i]->rank)
            continue;
        for (int axis = 0; axis < tensor[i].rank; axis++)
            count += solve_axis(op, given, key, i, axis, problem, &value[count]);
    }
    return count;
}

static int solve(const struct operation *op, const struct stored_tensor *const given[],
                 const bool fixed[MAX_KEYS], int ahead, void *problem);

/* Gives `key` that of its values with which there are fewest mismatches, once the other keys have
 * been solved too unless depth is 0. Returns how many; `best` are what there were. */
static int solve_key(const struct operation *op, const struct stored_tensor *const given[],
                     const bool fixed[MAX_KEYS], const struct key *key, int depth, int best,
                     void *problem)
{
    int64_t value[MAX_TENSORS * MAX_RANK];
    bool others[MAX_KEYS];
    void *const trial = must_allocate(2, op->problem_size);
    void *const chosen = (char *)trial + op->problem_size;
    const int count = candidates(op, given, key, problem, value);
    memcpy(others, fixed, sizeof others);
    others[key - op->keys] = true;
    memcpy(chosen, problem, op->problem_size);
    for (int i = 0; i < count; i++) {
        memcpy(trial, problem, op->problem_size);
        *field(key, trial) = value[i];
        const int sum =
            depth ? solve(op, given, others, depth - 1, trial) : mismatch(op, given, trial);
        if (sum >= best)
            continue;
        best = sum;
        memcpy(chosen, trial, op->problem_size);
    }
    memcpy(problem, chosen, op->problem_size);
    free(trial);
    return best;
}

/* Solves one key after the other; where that leaves mismatches, looks up to `ahead` keys ahead:
 * another layout fits once the channels follow it, and these may be an axis's length less the
 * padding. Each change leaves fewer mismatches, so this ends. Returns how many are left. */
static int solve(const struct operation *op, const struct stored_tensor *const given[],
                 const bool fixed[MAX_KEYS], int ahead, void *problem)
{
    int best = mismatch(op, given, problem);
    for (int depth = 0; depth <= ahead && best;) {
        const int before = best;
        for (const struct key *key = op->keys; key->name; key++)
            if (!fixed[key - op->keys])
                best = solve_key(op, given, fixed, key, depth, best, problem);
        depth = best < before ? 0 : depth + 1;
    }
    return best;
}

void keys_infer(const struct operation *op, const struct stored_tensor *const given[],
                const bool fixed[MAX_KEYS], void *problem)
{
    solve(op, given, fixed, 2, problem);
}

static void append_shape(char *text, size_t size, const char *dtype, int rank, const int64_t dim[])
{
    append(text, size, "%s [", dtype);
    for (int axis = 0; axis < rank; axis++)
        append(text, size, "%s%lld", axis ? ", " : "", (long long)dim[axis]);
    append(text, size, "]");
}

bool tensors_fit(const struct operation *op, const struct stored_tensor *const given[],
                 const void *problem, const char *path, struct message *message)
{
    struct tensor tensor[MAX_TENSORS];
    char has[256] = "", wanted[256] = "", keys[MESSAGE_SIZE / 2] = "", value[KEY_VALUE_SIZE];
    int i = 0;
    op->tensors(problem, tensor);
    while (i < op->tensor_count && !mismatch_of(&tensor[i], given[i]))
        i++;
    if (i == op->tensor_count)
        return true;
    if (given[i])
        append_shape(has, sizeof has, given[i]->dtype, given[i]->rank, given[i]->dim);
    append_shape(wanted, sizeof wanted, dtype_word(tensor[i].dtype), tensor[i].rank, tensor[i].dim);
    for (const struct key *key = op->keys; key->name; key++)
        if (key->kind == KEY_WHOLE && strcmp(key->name, "seed")) {
            key_print(key, problem, value, sizeof value);
            append(keys, sizeof keys, "%s%s = %s", *keys ? ", " : "", key->name, value);
        }
    return refuse(message,
                  "%s: tensor %s is %s: expected %s, as what fits best is %s; --set KEY=VALUE "
                  "sets what shapes do not tell",
                  path, tensor[i].name, given[i] ? has : "missing",
                  tensor[i].present ? wanted : "none", keys);
}
