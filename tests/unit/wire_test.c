/* wire_test.c - which kept connections are cut, which speak, and that nobody else's descriptor is touched. */
#include "fetcher/wire.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A wire to a listener of our own, and its far end. */
struct line {
    int listener, fd, peer, port;
};

static struct wires wires;

static void line_open(struct line *line)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);

    line->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(line->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(line->listener, 1), 0);
    assert_int_equal(getsockname(line->listener, (struct sockaddr *)&address, &bytes), 0);
    line->fd = wires_open(&wires, AF_INET, SOCK_STREAM, 0);
    assert_true(line->fd >= 0);
    assert_int_equal(connect(line->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    line->peer = accept(line->listener, NULL, NULL);
    assert_true(line->peer >= 0);
    assert_int_equal(getsockname(line->fd, (struct sockaddr *)&address, &bytes), 0);
    line->port = ntohs(address.sin_port);
}

static void line_close(struct line *line)
{
    assert_int_equal(wires_close(&wires, line->fd), 0);
    close(line->peer);
    close(line->listener);
    assert_null(wires.first);
}

static void reset_peer(struct line *line)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    setsockopt(line->peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(line->peer);
    line->peer = -1;
}

/* 0: at its end; 1: there is a byte; -1: nothing yet, or broken. */
static ssize_t look(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

static void one_that_rests_well_stays(void **state)
{
    struct line line;

    (void)state;
    line_open(&line);
    wires_rest(&wires, line.fd, true);
    wires_cut_spoilt(&wires);
    assert_int_equal(look(line.fd), -1);
    assert_int_equal(send(line.fd, "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(look(line.peer), 1);
    line_close(&line);
}

static void one_that_has_spoken_unasked_or_was_reset_is_cut(void **state)
{
    (void)state;
    for (unsigned reset = 0; reset < 2; reset++) {
        struct line line;

        line_open(&line);
        wires_rest(&wires, line.fd, true);
        if (reset)
            reset_peer(&line);
        else
            assert_int_equal(send(line.peer, "x", 1, 0), 1);
        wires_cut_spoilt(&wires);
        assert_int_equal(look(line.fd), 0);
        wires_cut_spoilt(&wires); /* and stays so, and ours */
        assert_int_equal(look(line.fd), 0);
        line_close(&line);
    }
}

static void one_in_use_is_left_alone(void **state)
{
    struct line line;

    (void)state;
    line_open(&line);
    wires_rest(&wires, line.fd, true);
    wires_rest(&wires, line.fd, false);
    wires_rest(&wires, line.listener, true); /* none of them */
    assert_int_equal(send(line.peer, "x", 1, 0), 1);
    wires_cut_spoilt(&wires);
    assert_int_equal(look(line.fd), 1);
    line_close(&line);
}

static void who_speaks_is_known_by_the_port(void **state)
{
    struct line line;

    (void)state;
    line_open(&line);
    assert_false(wires_have_spoken(&wires, line.port));
    assert_int_equal(send(line.peer, "x", 1, 0), 1);
    assert_true(wires_have_spoken(&wires, line.port));
    assert_false(wires_have_spoken(&wires, line.port ^ 1));
    line_close(&line);
}

/* libcurl closes some without telling, and the next to open anything gets the descriptor. */
static void what_was_closed_in_silence_is_nobody_s(void **state)
{
    struct line line;
    int pair[2], fd;

    (void)state;
    line_open(&line);
    wires_rest(&wires, line.fd, true);
    fd = line.fd;
    close(fd);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(pair[0], fd);
    assert_int_equal(send(pair[1], "x", 1, 0), 1);
    wires_cut_spoilt(&wires);
    assert_null(wires.first);
    assert_int_equal(look(fd), 1);
    close(pair[0]);
    close(pair[1]);
    close(line.peer);
    close(line.listener);
}

static void they_do_not_pile_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        int fd = wires_open(&wires, AF_INET, SOCK_STREAM, 0);

        assert_true(fd >= 0);
        close(fd);
    }
    assert_int_equal(wires_open(&wires, AF_INET, 12345, 0), -1);
    assert_null(wires.first);
    close(wires_open(&wires, AF_INET, SOCK_STREAM, 0));
    wires_forget(&wires);
    assert_null(wires.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_rests_well_stays),
        cmocka_unit_test(one_that_has_spoken_unasked_or_was_reset_is_cut),
        cmocka_unit_test(one_in_use_is_left_alone),
        cmocka_unit_test(who_speaks_is_known_by_the_port),
        cmocka_unit_test(what_was_closed_in_silence_is_nobody_s),
        cmocka_unit_test(they_do_not_pile_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
