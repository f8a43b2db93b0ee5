/* top_clients_test.c - who asks most, told from a bounded table: against an exact count of everybody. */
#include "scheduler/top_clients.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define CLIENTS 1000
#define ROUNDS  50000

static struct top_clients top;

static uint32_t comes(unsigned client)
{
    char name[16];

    snprintf(name, sizeof(name), "c%u", client);
    return top_clients_submitted(&top, client + 1, text_of(name));
}

static void shows(const char *wanted)
{
    char room[TOP_CLIENTS_BYTES];
    struct text text;

    assert_int_equal(top_clients_render(&top, room, sizeof(room), &text), 0);
    if (!text_equal(text, wanted))
        fail_msg("%.*s\nis not\n%s", TEXT_ARGS(text), wanted);
}

static void few_clients_are_counted_exactly(void **state)
{
    uint32_t one, two;

    (void)state;
    memset(&top, 0, sizeof(top));
    shows("{\"top\":[],\"other\":{\"waiting\":0,\"submitted\":0,\"served\":0,\"refused\":0,\"left\":0,"
          "\"clients\":0},"
          "\"rows\":64}");
    one = comes(1);
    two = comes(2);
    assert_int_equal(comes(2), two);
    top_clients_ended(&top, comes(2), TOP_KNOWN);
    top_clients_ended(&top, comes(2), TOP_REFUSED);
    top_clients_ended(&top, one, TOP_SERVED);
    top_clients_ended(&top, two, TOP_LEFT);
    shows("{\"top\":[{\"client\":\"c2\",\"waiting\":1,\"submitted\":3,\"served\":0,\"refused\":1,\"left\":1,"
          "\"missed_max\":0},{\"client\":\"c1\",\"waiting\":0,\"submitted\":1,\"served\":1,\"refused\":0,"
          "\"left\":0,"
          "\"missed_max\":0}],\"other\":{\"waiting\":0,\"submitted\":0,\"served\":0,\"refused\":0,\"left\":0,"
          "\"clients\":0},\"rows\":64}");
}

/* Who leaves its row while its request waits: that one's end belongs to the rest. */
static void an_end_finds_whom_it_was_counted_for(void **state)
{
    uint32_t early, again;

    (void)state;
    memset(&top, 0, sizeof(top));
    early = comes(0);
    for (unsigned client = 1; client < TOP_CLIENTS_ROWS; client++) {
        for (unsigned i = 0; i < 3; i++)
            comes(client);
    }
    comes(500); /* takes the row of client 0 */
    comes(501); /* and that one's */
    again = comes(0);
    assert_int_not_equal(early, again);
    assert_int_equal(early % TOP_CLIENTS_ROWS, again % TOP_CLIENTS_ROWS);
    assert_int_equal(top.others.submitted, 3);
    top_clients_ended(&top, early, TOP_SERVED);
    assert_int_equal(top.others.served, 1);
    assert_int_equal(top.clients[again % TOP_CLIENTS_ROWS].counts.served, 0);
    top_clients_ended(&top, again, TOP_SERVED);
    assert_int_equal(top.clients[again % TOP_CLIENTS_ROWS].counts.served, 1);
    assert_int_equal(top.clients[again % TOP_CLIENTS_ROWS].missed, 3);
}

/* Some ask often and a crowd asks rarely, in an order drawn by a generator with a seed. */
static unsigned draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(*seed >> 33);
}

static void who_asks_often_is_never_lost_in_a_crowd(void **state)
{
    static uint64_t exact[CLIENTS], served[CLIENTS];
    uint64_t seed = 7, submitted = 0, ended = 0;

    (void)state;
    memset(&top, 0, sizeof(top));
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned client = draw(&seed) % 3 == 0 ? draw(&seed) % 10 : draw(&seed) % CLIENTS;
        uint32_t mark = comes(client);

        exact[client]++;
        if (draw(&seed) % 2)
            top_clients_ended(&top, mark, TOP_SERVED);
        else
            continue;
        served[client]++;
    }
    for (unsigned client = 0; client < CLIENTS; client++) {
        unsigned row = 0;

        while (row < TOP_CLIENTS_ROWS && top.hashes[row] != client + 1)
            row++;
        assert_true(row < TOP_CLIENTS_ROWS || exact[client] <= ROUNDS / TOP_CLIENTS_ROWS);
        if (row == TOP_CLIENTS_ROWS)
            continue;
        assert_true(top.clients[row].counts.submitted <= exact[client]);
        assert_true(top.clients[row].counts.submitted + top.clients[row].missed >= exact[client]);
        assert_true(top.clients[row].counts.served <= served[client]);
    }
    for (unsigned row = 0; row < TOP_CLIENTS_ROWS; row++) {
        submitted += top.clients[row].counts.submitted;
        ended += top.clients[row].counts.served;
    }
    assert_int_equal(submitted + top.others.submitted, ROUNDS); /* nothing is lost */
    for (unsigned client = 0; client < CLIENTS; client++)
        ended -= served[client];
    assert_int_equal(ended + top.others.served, 0);
}

static void the_longest_names_and_numbers_fit(void **state)
{
    char room[TOP_CLIENTS_BYTES], name[2 * MESSAGE_LABEL_BYTES];
    struct text text;

    (void)state;
    memset(&top, 0, sizeof(top));
    memset(name, '\1', sizeof(name));
    for (unsigned client = 0; client < 2 * TOP_CLIENTS_ROWS; client++)
        top_clients_submitted(&top, client, (struct text){name, sizeof(name)});
    for (unsigned row = 0; row < TOP_CLIENTS_ROWS; row++) {
        top.clients[row].counts = (struct top_counts){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
        top.clients[row].missed = UINT64_MAX;
    }
    top.left_rows = UINT64_MAX - TOP_CLIENTS_ROWS;
    assert_int_equal(top_clients_render(&top, room, sizeof(room), &text), 0);
    assert_int_equal(top_clients_render(&top, room, 100, &text), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_clients_are_counted_exactly),
        cmocka_unit_test(an_end_finds_whom_it_was_counted_for),
        cmocka_unit_test(who_asks_often_is_never_lost_in_a_crowd),
        cmocka_unit_test(the_longest_names_and_numbers_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
