"""test_cors.py - pages of other sites, as a browser asks for them: those that are listed may read every answer but those under /admin; the
dashboard may read those, too, and give orders; nobody else may, by any trick."""
import cpf
import pytest
from stack import Stack, wait_for

PAGE = "http://localhost:5173"  # where the dashboard of the proxy that Sluice replaces is developed
SENT_BY_A_PAGE = ["client-id", "x-priority", "request-timeout", "prefer", "cache-control"]


@pytest.fixture(name="stack", scope="module")
def a_stack():
    with Stack(RATE_LIMIT_SECONDS=0.05, CORS_ORIGINS=f"{PAGE},https://app.example") as stack:
        yield stack


def ask(stack, path, origin=PAGE, method="GET", fields=()):
    return stack.get(path, method=method, fields=[("Origin", origin), *fields])


def preflight(stack, path, origin=PAGE, method="GET"):
    return ask(stack, path, origin, "OPTIONS", [("Access-Control-Request-Method", method),
                                                ("Access-Control-Request-Headers", ", ".join(SENT_BY_A_PAGE))])


@pytest.mark.parametrize("path", ["/dashboard-metrics", "/circuit-breaker-status", "/health", "/metrics", "/",
                                  f"/proxy/score?cpf={cpf.make(7300)}", "/proxy/score?cpf=junk", "/jobs/none", "/nowhere"])
def test_a_listed_page_reads_every_answer(stack, path):
    """The seed's own endpoints among them, and errors too: a page must be able to show them."""
    answer = wait_for(lambda: told(stack, path), "there are metrics")
    assert answer.fields["access-control-allow-origin"] == PAGE
    assert "retry-after" in answer.fields["access-control-expose-headers"].lower()
    assert "origin" in answer.fields["vary"].lower()


def told(stack, path):
    answer = ask(stack, path)
    return None if answer.status == 503 else answer


def test_no_other_page_does(stack):
    for origin in ("http://localhost:5174", "https://localhost:5173", "http://localhost:5173.evil.example", "null"):
        answer = ask(stack, "/health", origin)
        assert answer.status == 200, "whoever does not mind what the browser thinks is served"
        assert "access-control-allow-origin" not in answer.fields
        assert "origin" in answer.fields["vary"].lower(), "no cache takes this answer for a listed page's"
        assert preflight(stack, "/proxy/score", origin).status == 403


def test_a_browser_asks_before_it_sends_more_than_a_plain_get(stack):
    answer = preflight(stack, "/proxy/score")
    allowed = answer.fields["access-control-allow-headers"].lower()
    assert (answer.status, answer.body) == (204, b"")
    assert answer.fields["access-control-allow-origin"] == PAGE
    assert all(name in allowed for name in SENT_BY_A_PAGE)
    assert "DELETE" in preflight(stack, "/jobs/none", method="DELETE").fields["access-control-allow-methods"]
    assert stack.get("/proxy/score", method="OPTIONS").status == 405, "no page asks"
    answer = ask(stack, f"/proxy/score?cpf={cpf.make(7301)}", fields=[("X-Priority", "1")])
    assert (answer.status, answer.fields["access-control-allow-origin"]) == (200, PAGE)


def test_orders_are_for_no_page_of_another_site(stack):
    answers = [ask(stack, "/admin/queue"), ask(stack, "/admin/pause", method="POST"), preflight(stack, "/admin/pause", method="POST")]
    assert {answer.status for answer in answers} == {403}
    assert not any("access-control-allow-origin" in answer.fields for answer in answers)


EXPLAINS = {"cache-status", "proxy-status", "server-timing", "x-request-id", "retry-after", "x-proxy-fallback", "age", "location"}
TOKEN = "t0ken-of-the-dashboard"


def places(stack):
    """The dashboard's origins: of a gateway that was started without knowing the port."""
    return [f"http://{host}:{stack.metricsd_port}" for host in ("localhost", "127.0.0.1", "[::1]")]


def known(stack, page):
    wait_for(lambda: "access-control-allow-origin" in ask(stack, "/livez", page).fields, "metricsd has told where the dashboard is")


def exposed(answer):
    return {name.strip().lower() for name in answer.fields["access-control-expose-headers"].split(",")}


def test_the_dashboard_gives_orders_and_reads_every_answer(stack):
    """As a browser does it: cross-site by another name of this host, same-site by the same one, and asked for first."""
    for page in places(stack):
        known(stack, page)
        site = ("Sec-Fetch-Site", "cross-site" if "localhost" in page else "same-site")
        asked = preflight(stack, "/admin/policy", page, "PUT")
        assert (asked.status, asked.fields["access-control-allow-origin"]) == (204, page)
        assert all(word in asked.fields["access-control-allow-methods"] for word in ("PUT", "POST", "DELETE"))
        assert all(word in asked.fields["access-control-allow-headers"] for word in ("Authorization", "Content-Type"))
        for path, method in [("/admin/queue", "GET"), ("/admin/resume", "POST"), ("/admin/cache", "DELETE"),
                             (f"/proxy/score?cpf={cpf.make(7302)}", "GET")]:
            answer = ask(stack, path, page, method, [site])
            assert (answer.status, answer.fields["access-control-allow-origin"]) == (200, page), path
            assert EXPLAINS <= exposed(answer) and "origin" in answer.fields["vary"].lower()
        answer = ask(stack, "/admin/nothing", page, "GET", [site])
        assert (answer.status, answer.fields["access-control-allow-origin"]) == (404, page), "a page must be able to show errors"
        assert EXPLAINS <= exposed(ask(stack, "/jobs/none", page))


def test_no_other_page_gives_orders_by_any_trick(stack):
    page = places(stack)[0]
    known(stack, page)
    port = stack.metricsd_port
    for fields in ([("Origin", PAGE), ("Sec-Fetch-Site", "same-site")],             # may read answers, no more
                   [("Origin", f"http://localhost:{port}.evil.example")],
                   [("Origin", f"http://evil.example:{port}"), ("Sec-Fetch-Site", "cross-site")],
                   [("Origin", f"https://localhost:{port}")],
                   [("Origin", f"{page}/")],
                   [("Origin", f"{page}, http://evil.example")],
                   [("Origin", page), ("Origin", "http://evil.example")],
                   [("Origin", "null"), ("Sec-Fetch-Site", "same-site")],
                   [("Sec-Fetch-Site", "same-site"), ("Referer", f"{page}/")],     # a picture, a form, a link
                   [("Origin", page), ("X-Forwarded-For", "10.0.0.1")]):
        answer = stack.get("/admin/pause", method="POST", fields=fields)
        assert answer.status == 403, fields
    assert "score.paused" not in stack.get("/readyz").json()["missing"]
    assert not stack.get("/admin/policy").json()["paused"]


def test_the_dashboard_needs_the_token_where_there_is_one():
    with Stack(ADMIN_TOKEN=TOKEN, DASHBOARD_URL="https://sluice.example/board/", RATE_LIMIT_SECONDS=0.05) as stack:
        page, bearer = "https://sluice.example", ("Authorization", f"Bearer {TOKEN}")
        assert preflight(stack, "/admin/pause", page, "POST").status == 204, "a browser asks without the token"
        answer = ask(stack, "/admin/policy", page)
        assert (answer.status, answer.fields["access-control-allow-origin"]) == (401, page), "the page has to see that it must ask for it"
        with_token = [bearer, ("Sec-Fetch-Site", "cross-site")]
        wait_for(lambda: ask(stack, "/admin/policy", page, fields=with_token).status == 200, "the scheduler has come")
        for other in (PAGE, f"http://localhost:{stack.metricsd_port}", "http://sluice.example"):
            assert ask(stack, "/admin/policy", other, fields=[bearer]).status == 403
        answer = stack.get("/")
        assert (answer.status, answer.fields["location"]) == (302, "https://sluice.example/board/")


def test_the_index_leads_to_the_dashboard_wherever_it_is(stack):
    known(stack, places(stack)[0])
    answer = stack.get("/")
    assert (answer.status, answer.fields["location"]) == (302, f"http://127.0.0.1:{stack.metricsd_port}/")
    assert "/proxy/score" in answer.json()["endpoints"], "programs find the list of paths all the same"
    before = places(stack)[0]
    stack.kill("metricsd")
    stack.environment["METRICSD_PORT"] = "0"
    stack.spawn_again("metricsd")
    stack.environment["METRICSD_PORT"] = str(stack.metricsd_port)
    known(stack, places(stack)[0])
    assert stack.get("/").fields["location"] == f"http://127.0.0.1:{stack.metricsd_port}/"
    assert ask(stack, "/admin/policy", places(stack)[0]).status == 200
    assert before == places(stack)[0] or ask(stack, "/admin/policy", before).status == 403
