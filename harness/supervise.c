#include "supervise.h"
#include "message.h"
#include "time.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TAIL_SIZE = 400, NO_ROW = -1 };

/* A message from the child. */
struct note {
    int row;
    bool end;
    char report[REPORT_SIZE];
};

static int to_parent = -1;               /* of a child */
static const struct supervision *direct; /* while there is no child */

/* A child, and what is known of it. */
struct child {
    pid_t process;
    int notes, errors;    /* the pipes, -1 when closed */
    int row;              /* in progress, or NO_ROW */
    int next;             /* the first row that has not been begun */
    double deadline_s;    /* of the row in progress */
    char tail[TAIL_SIZE]; /* the last of its standard error */
    bool late;            /* ended for being late */
    bool told;            /* of an interrupt */
};

static void write_note(const struct note *note)
{
    while (write(to_parent, note, sizeof *note) < 0 && errno == EINTR)
        ;
}

void child_begin(int row)
{
    const struct note note = {.row = row};
    if (direct)
        direct->begin(direct->context, row);
    else
        write_note(&note);
}

void child_end(int row, const void *report, size_t size)
{
    struct note note = {.row = row, .end = true};
    memcpy(note.report, report, size < REPORT_SIZE ? size : REPORT_SIZE);
    if (direct)
        direct->done(direct->context, row, note.report);
    else
        write_note(&note);
}

/* Kills this process when `parent` ends, however it ends. */
static void end_with_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
}

/* Forks; in the child, its standard error and to_parent are pipes to the parent. It has a process
 * group of its own, so that Ctrl-C reaches the parent alone, which passes it on. */
static bool start(struct child *child)
{
    int notes[2], errors[2];
    if (pipe(notes))
        return false;
    if (pipe(errors)) {
        close(notes[0]), close(notes[1]);
        return false;
    }
    fflush(NULL);
    const pid_t parent = getpid();
    child->process = fork();
    if (!child->process) {
        setpgid(0, 0);
        end_with_parent(parent);
        to_parent = notes[1];
        dup2(errors[1], STDERR_FILENO);
        close(notes[0]), close(errors[0]), close(errors[1]);
        return true;
    }
    close(notes[1]), close(errors[1]);
    child->notes = notes[0];
    child->errors = errors[0];
    if (child->process > 0)
        return true;
    close(notes[0]), close(errors[0]);
    return false;
}

/* Passes on what the child wrote to its standard error, and keeps the last of it. */
static void read_errors(struct child *child)
{
    char text[4096];
    const ssize_t size = read(child->errors, text, sizeof text);
    if (size < 0 && errno == EINTR)
        return;
    if (size <= 0) {
        close(child->errors);
        child->errors = -1;
        return;
    }
    fwrite(text, 1, (size_t)size, stderr);
    const size_t most = TAIL_SIZE - 1, mine = (size_t)size < most ? (size_t)size : most;
    const size_t old = strlen(child->tail), keep = old + mine > most ? most - mine : old;
    memmove(child->tail, child->tail + old - keep, keep);
    memcpy(child->tail + keep, text + size - mine, mine);
    child->tail[keep + mine] = '\0';
}

static void read_note(struct child *child, const struct supervision *s)
{
    struct note note;
    const ssize_t size = read(child->notes, &note, sizeof note);
    if (size < 0 && errno == EINTR)
        return;
    if (size != (ssize_t)sizeof note) {
        close(child->notes);
        child->notes = -1;
        return;
    }
    child->next = note.row + 1;
    child->row = note.end ? NO_ROW : note.row;
    child->tail[0] = '\0';
    if (note.end)
        s->done(s->context, note.row, note.report);
    else
        child->deadline_s = now_s() + s->begin(s->context, note.row);
}

/* Listens until the child has closed its notes, and kills it when a row is late. */
static void listen(struct child *child, const struct supervision *s)
{
    while (child->notes >= 0) {
        struct pollfd pipes[] = {{child->notes, POLLIN, 0}, {child->errors, POLLIN, 0}};
        const double left_s = child->row == NO_ROW ? 1 : child->deadline_s - now_s();
        if (*s->interrupted && !child->told) {
            child->told = true;
            kill(child->process, SIGINT);
        }
        if (left_s <= 0 && !child->late) {
            child->late = true;
            kill(child->process, SIGKILL);
        }
        const int ready = poll(pipes, 2, (int)(fmin(fmax(left_s, 0.01), 1) * 1000));
        if (ready > 0 && pipes[1].revents)
            read_errors(child);
        if (ready > 0 && pipes[0].revents)
            read_note(child, s);
    }
}

/* The log's tail on one line. */
static void append_tail(char *text, size_t size, char *tail)
{
    for (char *at = tail; *at; at++)
        if ((unsigned char)*at < ' ')
            *at = ' ';
    const char *start = tail + strspn(tail, " ");
    while ((*start & 0xC0) == 0x80) /* the rest of a character that was cut */
        start++;
    if (*start)
        append(text, size, "; its log ends: %s", start);
}

/* Waits for the child's end and says what it was; `reason` is of a lost one. */
static bool finish(struct child *child, enum child_end *end, char *reason, size_t size)
{
    int status;
    while (child->errors >= 0)
        read_errors(child);
    while (waitpid(child->process, &status, 0) < 0 && errno == EINTR)
        ;
    reason[0] = '\0';
    if (WIFEXITED(status) && WEXITSTATUS(status) <= CHILD_STOPPED && child->row == NO_ROW) {
        *end = (enum child_end)WEXITSTATUS(status);
        return true;
    }
    if (child->late)
        append(reason, size, "ended after its time-out");
    else if (WIFSIGNALED(status))
        append(reason, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        append(reason, size, "the process ended with exit status %d", WEXITSTATUS(status));
    append_tail(reason, size, child->tail);
    return false;
}

/* Without a child. CHILD_AGAIN has no meaning then: what it would cure stays. */
static bool supervise_directly(const struct supervision *s)
{
    direct = s;
    s->work(s->context, 0);
    direct = NULL;
    return true;
}

bool supervise(const struct supervision *s)
{
    char reason[MESSAGE_SIZE];
    if (s->in_process)
        return supervise_directly(s);
    for (int next = 0; next < s->rows;) {
        struct child child = {.row = NO_ROW, .next = next};
        enum child_end end = CHILD_DONE;
        if (!start(&child))
            return false;
        if (!child.process)
            exit((int)s->work(s->context, next));
        listen(&child, s);
        const bool well = finish(&child, &end, reason, sizeof reason);
        if (*s->interrupted || (well && end != CHILD_AGAIN))
            return true;
        /* A child that is lost between two rows has lost the one to come. */
        const int row = child.row == NO_ROW ? child.next : child.row;
        if (!well && !s->lost(s->context, row, child.late ? LOSS_TIMEOUT : LOSS_CRASH, reason))
            return true;
        next = well ? child.next : row + 1;
    }
    return true;
}

/* What the pipe brings until it is closed or `limit_s` is over, as a text. */
static char *read_answer(int pipe, pid_t process, double limit_s)
{
    const double deadline_s = now_s() + limit_s;
    char *answer = NULL, text[4096];
    size_t size = 0;
    FILE *stream = open_memstream(&answer, &size);
    for (ssize_t more = 1; more > 0;) {
        struct pollfd waits = {pipe, POLLIN, 0};
        const int ready = poll(&waits, 1, 100);
        if (!ready && now_s() > deadline_s)
            kill(process, SIGKILL);
        if (ready <= 0)
            continue;
        more = read(pipe, text, sizeof text);
        if (more > 0)
            fwrite(text, 1, (size_t)more, stream);
        more = more < 0 && errno == EINTR ? 1 : more;
    }
    fclose(stream);
    return answer;
}

char *ask_child(void (*ask)(FILE *stream, const void *question), const void *question,
                double limit_s)
{
    int ends[2], status;
    if (pipe(ends))
        return NULL;
    fflush(NULL);
    const pid_t parent = getpid(), process = fork();
    if (!process) {
        end_with_parent(parent);
        FILE *stream = fdopen(ends[1], "w");
        close(ends[0]);
        ask(stream, question);
        _exit(fclose(stream) ? 1 : 0); /* what the parent does at its end is not for this one */
    }
    close(ends[1]);
    char *answer = process > 0 ? read_answer(ends[0], process, limit_s) : NULL;
    close(ends[0]);
    while (process > 0 && waitpid(process, &status, 0) < 0 && errno == EINTR)
        ;
    if (process > 0 && WIFEXITED(status) && !WEXITSTATUS(status))
        return answer;
    free(answer);
    return NULL;
}
