/* feed_endpoint_test.c - metricsd/feed_endpoint.c: who can reach the feed where the operator wants it. */
#include "metricsd/feed_endpoint.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_who_can_reach_it(void **state)
{
    static const struct {
        const char *wanted, *endpoint; /* NULL: refused */
        int reach;                     /* or -EINVAL */
    } cases[] = {
        {"tcp://127.0.0.1:5556", "tcp://127.0.0.1:5556", FEED_LOOPBACK},
        {"tcp://127.255.1.2:0", "tcp://127.255.1.2:0", FEED_LOOPBACK},
        {"tcp://127.0.0.1:*", "tcp://127.0.0.1:*", FEED_LOOPBACK},
        {"tcp://localhost:5556", "tcp://127.0.0.1:5556", FEED_LOOPBACK},
        {"tcp://[::1]:5556", "tcp://[::1]:5556", FEED_LOOPBACK},
        {"tcp://[0:0:0:0:0:0:0:1]:1", "tcp://[0:0:0:0:0:0:0:1]:1", FEED_LOOPBACK},
        {"ipc:///run/sluice/world.ipc", "ipc:///run/sluice/world.ipc", FEED_IPC},
        {"tcp://*:5556", "tcp://0.0.0.0:5556", FEED_WORLD},
        {"tcp://0.0.0.0:5556", "tcp://0.0.0.0:5556", FEED_WORLD},
        {"tcp://192.168.1.10:5556", "tcp://192.168.1.10:5556", FEED_WORLD},
        {"tcp://eth0:5556", NULL, -EINVAL},
        {"tcp://lo:5556", NULL, -EINVAL}, /* a name: what it means is not ours to know */
        {"tcp://127.0.0.1.example.org:5556", NULL, -EINVAL},
        {"tcp://127.1:5556", NULL, -EINVAL},
        {"tcp://localhost.example.org:5556", NULL, -EINVAL},
        {"tcp://0.0.0.0;127.0.0.1:5556", NULL, -EINVAL},
        {"tcp://[::]:5556", "tcp://[::]:5556", FEED_WORLD},
        {"tcp://[::ffff:127.0.0.1]:5556", "tcp://[::ffff:127.0.0.1]:5556", FEED_WORLD},
        {"tcp://[fe80::1%lo]:5556", NULL, -EINVAL},
        {"tcp://:5556", NULL, -EINVAL},
        {"tcp://127.0.0.1", NULL, -EINVAL},
        {"tcp://127.0.0.1:", NULL, -EINVAL},
        {"tcp://127.0.0.1:65536", NULL, -EINVAL},
        {"tcp://127.0.0.1:555x", NULL, -EINVAL},
        {"tcp://127.0.0.1:-1", NULL, -EINVAL},
        {"ipc://", NULL, -EINVAL},
        {"pgm://127.0.0.1:5556", NULL, -EINVAL},
        {"inproc://feed", NULL, -EINVAL},
        {"TCP://0.0.0.0:1", NULL, -EINVAL},
        {"127.0.0.1:5556", NULL, -EINVAL},
        {"", NULL, -EINVAL},
    };
    char endpoint[FEED_ENDPOINT_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int rc = feed_endpoint(cases[i].wanted, endpoint);

        if (rc != cases[i].reach)
            fail_msg("%s: %d, wanted %d", cases[i].wanted, rc, cases[i].reach);
        if (cases[i].endpoint)
            assert_string_equal(endpoint, cases[i].endpoint);
    }
}

static void test_a_long_one_does_not_overrun(void **state)
{
    char wanted[2 * FEED_ENDPOINT_BYTES] = "ipc://", endpoint[FEED_ENDPOINT_BYTES];

    (void)state;
    memset(wanted + 6, 'x', sizeof(wanted) - 7);
    assert_int_equal(feed_endpoint(wanted, endpoint), -EINVAL);
    memcpy(wanted, "tcp://", 6);
    memcpy(wanted + sizeof(wanted) - 6, ":5556", 6);
    assert_int_equal(feed_endpoint(wanted, endpoint), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_can_reach_it),
        cmocka_unit_test(test_a_long_one_does_not_overrun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
