"""test_cors.py - pages of other sites: those that are listed may read every answer but those under /admin, as a browser asks for it."""
import client
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


def test_the_state_page_may_read_them(stack):
    page = f"http://127.0.0.1:{stack.metricsd_port}"
    gateway = stack.spawn_gateway(METRICSD_PORT=stack.metricsd_port)
    answer = wait_for(lambda: allowed_by(gateway.port, page), "the gateway knows where it is")
    assert answer.fields["access-control-allow-origin"] == page


def allowed_by(port, page):
    answer = client.ask(port, "/livez", fields=[("Origin", page)])
    return answer if "access-control-allow-origin" in answer.fields else None
